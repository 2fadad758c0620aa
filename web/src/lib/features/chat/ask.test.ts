import { afterEach, describe, expect, test, vi } from 'vitest';
import { Problem } from '$lib/api/problem';
import { Answering, ask } from './ask';
import { bodyOf, newAnswer, noParameters, type Conversation } from './types';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function begin() {
  const clock = { ms: 0 };
  const draws: (() => void)[] = [];
  const answer = newAnswer('m');
  const answering = new Answering(
    answer,
    () => clock.ms,
    (flush) => void draws.push(flush),
  );
  const say = (chunk: unknown) => answering.feed(`data: ${JSON.stringify(chunk)}\n\n`);
  const draw = () => {
    for (const flush of draws.splice(0)) flush();
  };
  const piece = (content: string) => say({ choices: [{ delta: { content } }] });
  return { clock, draws, answer, answering, say, draw, piece };
}

describe('an answer', () => {
  test('of a page that is not seen grows without frames', () => {
    const { clock, answer, answering, draws, piece } = begin();
    clock.ms = 50;
    piece('asked for a frame');
    expect([draws.length, answer.text]).toEqual([1, '']);
    vi.spyOn(document, 'hidden', 'get').mockReturnValue(true);
    clock.ms = 90;
    piece(', too soon');
    expect(answer.text).toBe('');
    clock.ms = 160;
    piece(', and now');
    expect(answer.text).toBe('asked for a frame, too soon, and now');
    clock.ms = 170;
    piece(', later');
    expect([draws.length, answer.text]).toEqual([2, 'asked for a frame, too soon, and now']);
    answering.end(null);
    expect(answer.text).toMatch(/, later$/);
  });
  test('waits, thinks, answers and is done, with the figures of the engine', () => {
    const { clock, answer, answering, say, draw, piece } = begin();
    answering.feed(': loading (starting)\n\n');
    expect([answer.state, answer.waiting]).toEqual(['waiting', 'loading (starting)']);
    clock.ms = 200;
    say({ choices: [{ delta: { reasoning_content: 'hm' } }] });
    draw();
    expect([answer.state, answer.thinking]).toEqual(['thinking', 'hm']);
    clock.ms = 700;
    piece('Yes');
    draw();
    expect([answer.state, answer.text]).toEqual(['answering', 'Yes']);
    say({ choices: [{ delta: {}, finish_reason: 'stop' }] });
    say({
      choices: [],
      usage: {
        prompt_tokens: 9,
        completion_tokens: 5,
        prompt_tokens_details: { cached_tokens: 4 },
      },
      timings: { predicted_per_second: 50.5 },
    });
    clock.ms = 1000;
    answering.feed('data: [DONE]\n\n');
    answering.end(null);
    expect([answer.state, answer.finish]).toEqual(['done', 'stop']);
    expect(answer.figures).toMatchObject({
      tokens: 5,
      isExact: true,
      tokens_per_s: 50.5,
      first_ms: 200,
      total_ms: 1000,
      prompt_tokens: 9,
      cached_tokens: 4,
    });
  });

  test('is drawn once for many pieces', () => {
    const { draws, answer, piece, draw } = begin();
    for (let i = 0; i < 100; i += 1) piece('x');
    expect([draws.length, answer.text]).toEqual([1, '']);
    draw();
    expect([answer.text.length, answer.figures.tokens]).toEqual([100, 100]);
    expect(answer.figures.isExact).toBe(false);
  });

  test('keeps what came before an error in the stream', () => {
    const { answer, answering, piece, say } = begin();
    piece('half');
    say({ error: { message: 'the engine ended', type: 'server_error' } });
    answering.end(null);
    expect([answer.state, answer.text, answer.problem?.message]).toEqual([
      'failed',
      'half',
      'the engine ended',
    ]);
  });

  test('that ends without an end has broken off; one that is stopped has stopped', () => {
    const broken = begin();
    broken.piece('half');
    broken.answering.end(null);
    expect(broken.answer.state).toBe('failed');
    const stopped = begin();
    stopped.piece('half');
    stopped.answering.end(new Problem('x', 'y'), true);
    expect([stopped.answer.state, stopped.answer.text, stopped.answer.problem]).toEqual([
      'stopped',
      'half',
      null,
    ]);
  });
});

test('a refusal stands in the answer with its cause', async () => {
  vi.stubGlobal('fetch', () =>
    Promise.resolve(
      new Response(
        JSON.stringify({ error: { message: 'no such model', code: 'model_not_found' } }),
        {
          status: 404,
        },
      ),
    ),
  );
  const answer = newAnswer('m');
  await ask(answer, {}, new AbortController().signal);
  expect([answer.state, answer.problem?.message]).toEqual(['failed', 'no such model']);
});

test('letters that are cut between two pieces are whole', async () => {
  const bytes = new TextEncoder().encode(
    'data: {"choices":[{"delta":{"content":"grüß"},"finish_reason":"stop"}]}\n\n',
  );
  vi.stubGlobal('fetch', () =>
    Promise.resolve(
      new Response(
        new ReadableStream({
          start(to) {
            for (const byte of bytes) to.enqueue(new Uint8Array([byte]));
            to.close();
          },
        }),
      ),
    ),
  );
  const answer = newAnswer('m');
  await ask(answer, {}, new AbortController().signal);
  expect([answer.state, answer.text]).toEqual(['done', 'grüß']);
});

test('the request: what is not set is not sent', () => {
  const conversation: Conversation = {
    id: 'a',
    title: 'a',
    changed_at: 0,
    models: ['m', 'n'],
    turns: [
      { id: '1', text: 'one', images: [], answers: [null, { ...newAnswer('n'), text: 'uno' }] },
      { id: '2', text: 'two', images: ['data:image/png;base64,AA'], answers: [] },
    ],
    parameters: { ...noParameters(), temperature: 0, stop: 'a\nb\n' },
  };
  expect(bodyOf(conversation, 1, 1)).toEqual({
    model: 'n',
    messages: [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'uno' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'two' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } },
        ],
      },
    ],
    stream: true,
    stream_options: { include_usage: true },
    temperature: 0,
    stop: ['a', 'b'],
  });
});
