/** One answer over the daemon's own gateway: the stream's pieces go into `answer`. */
import { noteRefusal, url } from '$lib/api/http';
import { Problem } from '$lib/api/problem';
import { live } from '$lib/state/live.svelte';
import { EventParser } from './sse';
import { ThinkingSplitter, type Pieces } from './thinking';
import { isUnderWay, type Answer } from './types';

interface Chunk {
  error?: unknown;
  choices?: {
    delta?: { content?: string | null; reasoning_content?: string | null; reasoning?: string };
    finish_reason?: string | null;
  }[];
  usage?: {
    prompt_tokens?: number;
    completion_tokens?: number;
    prompt_tokens_details?: { cached_tokens?: number } | null;
  } | null;
  timings?: { predicted_n?: number; predicted_per_second?: number; cache_n?: number };
}

/** `draw` runs what it gets soon, at most once a frame. */
type Draw = (flush: () => void) => void;

/** A page that is not seen has no frames, but another tab may show the same answer. */
const HIDDEN_MS = 100;
const isHidden = (): boolean => document.hidden;

/** Pieces come faster than frames: they are gathered and shown once a frame. */
const onFrame: Draw = (flush) => {
  if (isHidden()) setTimeout(flush, HIDDEN_MS);
  else requestAnimationFrame(flush);
};

export class Answering {
  readonly #answer: Answer;
  readonly #now: () => number;
  readonly #draw: Draw;
  readonly #splitter = new ThinkingSplitter();
  readonly #parser = new EventParser((comment) => this.#onComment(comment));
  readonly #began: number;
  #pending: Pieces = { thinking: '', text: '' };
  #isDrawn = true;
  #drawnAt = 0;
  #n = 0;
  #lastAt = 0;
  #isEnded = false;

  constructor(answer: Answer, now: () => number = () => performance.now(), draw: Draw = onFrame) {
    this.#answer = answer;
    this.#now = now;
    this.#draw = draw;
    this.#began = now();
  }

  feed(text: string): void {
    for (const { data } of this.#parser.push(text)) this.#onData(data);
  }

  /** The stream is over: with why, if it did not end by itself. */
  end(problem: Problem | null, isStopped = false): void {
    this.#add(this.#splitter.end());
    this.#flush();
    const answer = this.#answer;
    if (!isUnderWay(answer)) return;
    answer.figures.total_ms = this.#now() - this.#began;
    answer.waiting = '';
    const cause =
      problem ??
      (this.#isEnded || isStopped
        ? null
        : new Problem('broken', 'The answer broke off before its end.'));
    answer.state = isStopped ? 'stopped' : cause ? 'failed' : 'done';
    if (cause && !isStopped) answer.problem = { message: cause.message, advice: cause.advice };
  }

  #onComment(comment: string): void {
    if (/^(queued|loading)/.test(comment)) this.#answer.waiting = comment;
  }

  #onData(data: string): void {
    if (data === '[DONE]') {
      this.#isEnded = true;
      return;
    }
    let chunk: Chunk;
    try {
      chunk = JSON.parse(data) as Chunk;
    } catch {
      return;
    }
    if (chunk.error !== undefined && chunk.error !== null) {
      const why = typeof chunk.error === 'string' ? { message: chunk.error } : chunk.error;
      this.end(Problem.fromEnvelope(why));
      return;
    }
    const choice = chunk.choices?.[0];
    const thinking = choice?.delta?.reasoning_content ?? choice?.delta?.reasoning ?? '';
    const content = choice?.delta?.content ?? '';
    if (thinking || content) this.#count();
    if (thinking) this.#add({ thinking, text: '' });
    if (content) this.#add(this.#splitter.push(content));
    if (choice?.finish_reason) {
      this.#answer.finish = choice.finish_reason;
      this.#isEnded = true;
    }
    this.#figures(chunk);
  }

  #count(): void {
    const { figures } = this.#answer;
    this.#n += 1;
    this.#lastAt = this.#now();
    figures.first_ms ??= this.#lastAt - this.#began;
  }

  #figures({ usage, timings }: Chunk): void {
    const { figures } = this.#answer;
    const tokens = usage?.completion_tokens ?? timings?.predicted_n;
    if (tokens !== undefined) {
      figures.tokens = this.#n = tokens;
      figures.isExact = true;
      const seconds = (this.#lastAt - this.#began - (figures.first_ms ?? 0)) / 1000;
      figures.tokens_per_s ??= seconds > 0 && tokens > 1 ? (tokens - 1) / seconds : null;
    }
    if (timings?.predicted_per_second) figures.tokens_per_s = timings.predicted_per_second;
    figures.prompt_tokens = usage?.prompt_tokens ?? figures.prompt_tokens;
    figures.cached_tokens =
      usage?.prompt_tokens_details?.cached_tokens ?? timings?.cache_n ?? figures.cached_tokens;
  }

  #add(pieces: Pieces): void {
    this.#pending.thinking += pieces.thinking;
    this.#pending.text += pieces.text;
    // The frame that was asked for may never come, and the timers of such a page are slow.
    if (isHidden() && this.#now() - this.#drawnAt >= HIDDEN_MS) return this.#flush();
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    this.#draw(() => this.#flush());
  }

  #flush(): void {
    this.#isDrawn = true;
    this.#drawnAt = this.#now();
    const answer = this.#answer;
    const { thinking, text } = this.#pending;
    this.#pending = { thinking: '', text: '' };
    if (!isUnderWay(answer)) return;
    if (thinking) {
      answer.thinking += thinking;
      answer.state = 'thinking';
      answer.figures.thinking_ms = this.#now() - this.#began - (answer.figures.first_ms ?? 0);
    }
    if (text) {
      answer.text += text;
      answer.state = 'answering';
    }
    const { figures } = answer;
    if (figures.isExact) return;
    figures.tokens = this.#n;
    const seconds = (this.#lastAt - this.#began - (figures.first_ms ?? 0)) / 1000;
    figures.tokens_per_s = seconds > 0.2 ? (this.#n - 1) / seconds : null;
  }
}

/** Resolves when `answer` has ended, however it did. Aborting `signal` stops the engine, too. */
export async function ask(
  answer: Answer,
  body: Record<string, unknown>,
  signal: AbortSignal,
): Promise<void> {
  let answering = new Answering(answer);
  try {
    if (live.isAway) {
      await live.hold(() => Promise.resolve(), signal);
      answering = new Answering(answer); // its time begins now
    }
    const reply = await fetch(url('/v1/chat/completions'), {
      method: 'POST',
      signal,
      headers: { 'Content-Type': 'application/json', 'X-Hearth-Progress': '1' },
      body: JSON.stringify(body),
    });
    if (!reply.ok || !reply.body) {
      const said = (await reply.json().catch(() => null)) as { error?: unknown } | null;
      answering.end(noteRefusal(Problem.fromEnvelope(said?.error, reply.status)));
      return;
    }
    const reader = reply.body.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      answering.feed(decoder.decode(value, { stream: true }));
    }
    answering.end(null);
  } catch (error) {
    if (signal.aborted) answering.end(null, true);
    else if (error instanceof Problem) answering.end(error);
    else {
      const hasBegun = answer.text !== '' || answer.thinking !== '';
      answering.end(
        new Problem(
          'unreachable',
          hasBegun
            ? 'The connection broke before the answer ended.'
            : 'The server cannot be reached.',
        ),
      );
    }
  }
}
