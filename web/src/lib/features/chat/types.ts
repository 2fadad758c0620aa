/** What a conversation is made of. Kept in the browser as it stands here. */
export type AnswerState = 'waiting' | 'thinking' | 'answering' | 'done' | 'stopped' | 'failed';

export interface Figures {
  /** Tokens of the answer: counted from the stream's pieces until the engine tells. */
  tokens: number;
  isExact: boolean;
  tokens_per_s: number | null;
  first_ms: number | null;
  thinking_ms: number | null;
  total_ms: number | null;
  prompt_tokens: number | null;
  cached_tokens: number | null;
}

export interface Answer {
  id: string;
  model: string;
  state: AnswerState;
  text: string;
  thinking: string;
  /** What is waited for, in the gateway's words: "queued position 2". */
  waiting: string;
  problem: { message: string; advice: string | null } | null;
  /** "stop", "length" ... */
  finish: string | null;
  figures: Figures;
}

export interface Turn {
  id: string;
  text: string;
  /** data: addresses. */
  images: string[];
  /** By pane. */
  answers: (Answer | null)[];
}

export interface Parameters {
  system: string;
  temperature: number | null;
  top_p: number | null;
  top_k: number | null;
  min_p: number | null;
  max_tokens: number | null;
  seed: number | null;
  /** One a line. */
  stop: string;
}

export interface Conversation {
  id: string;
  title: string;
  changed_at: number;
  /** One or two: the model of each pane. */
  models: string[];
  turns: Turn[];
  parameters: Parameters;
}

export const noParameters = (): Parameters => ({
  system: '',
  temperature: null,
  top_p: null,
  top_k: null,
  min_p: null,
  max_tokens: null,
  seed: null,
  stop: '',
});

export const newId = (): string =>
  `${Date.now().toString(36)}-${Math.floor(Math.random() * 2 ** 32).toString(36)}`;

export const newAnswer = (model: string): Answer => ({
  id: newId(),
  model,
  state: 'waiting',
  text: '',
  thinking: '',
  waiting: '',
  problem: null,
  finish: null,
  figures: {
    tokens: 0,
    isExact: false,
    tokens_per_s: null,
    first_ms: null,
    thinking_ms: null,
    total_ms: null,
    prompt_tokens: null,
    cached_tokens: null,
  },
});

export const isUnderWay = (answer: Answer | null | undefined): boolean =>
  answer?.state === 'waiting' || answer?.state === 'thinking' || answer?.state === 'answering';

/** The body of the request for the answer of `pane` in turn `at`. What is not set is not sent. */
export function bodyOf(
  conversation: Conversation,
  pane: number,
  at: number,
): Record<string, unknown> {
  const { system, stop, ...numbers } = conversation.parameters;
  const messages: unknown[] = system.trim() ? [{ role: 'system', content: system }] : [];
  for (const [i, turn] of conversation.turns.slice(0, at + 1).entries()) {
    const images = turn.images.map((url) => ({ type: 'image_url', image_url: { url } }));
    messages.push({
      role: 'user',
      content: images.length ? [{ type: 'text', text: turn.text }, ...images] : turn.text,
    });
    const said = i < at ? turn.answers[pane]?.text : '';
    if (said) messages.push({ role: 'assistant', content: said });
  }
  const stops = stop.split('\n').filter((line) => line !== '');
  return {
    model: conversation.models[pane],
    messages,
    stream: true,
    stream_options: { include_usage: true },
    ...Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== null)),
    ...(stops.length ? { stop: stops } : {}),
  };
}
