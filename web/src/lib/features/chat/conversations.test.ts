import { beforeEach, expect, test, vi } from 'vitest';
import { Chat } from './chat.svelte';
import { Conversations } from './conversations.svelte';
import type { Answer } from './types';

beforeEach(() => localStorage.clear());

const done = (answer: Answer) => {
  answer.text = 'ok';
  answer.state = 'done';
  return Promise.resolve();
};

test('a chat is kept, and is there again', async () => {
  const chat = new Chat(new Conversations(), done);
  chat.setModel(0, 'm');
  expect(chat.isKept).toBe(false);
  chat.send('Hello\nthere', []);
  await vi.waitFor(() => {
    const [again] = new Conversations().all;
    expect([again?.title, again?.turns[0]?.answers[0]?.text]).toEqual(['Hello', 'ok']);
  });
});

test('an edited message forgets what followed; the other pane goes with its answers', async () => {
  const chat = new Chat(new Conversations(), done);
  chat.setModel(0, 'm');
  chat.setPanes(2);
  chat.setModel(1, 'n');
  chat.send('one', []);
  chat.send('two', []);
  const first = chat.current.turns[0]?.id ?? '';
  chat.edit(first, 'uno');
  expect(chat.current.turns.map(({ text }) => text)).toEqual(['uno']);
  expect(chat.last(1)?.model).toBe('n');
  chat.removePane(0);
  expect([chat.current.models, chat.last(0)?.model]).toEqual([['n'], 'n']);
});

test('an answer that moved to the place of the other pane can still be stopped', async () => {
  const signals: Record<string, AbortSignal> = {};
  const chat = new Chat(new Conversations(), (answer, _body, signal) => {
    signals[answer.model] = signal;
    return new Promise(() => undefined);
  });
  chat.setModel(0, 'm');
  chat.setPanes(2);
  chat.setModel(1, 'n');
  chat.send('one', []);
  await vi.waitFor(() => expect(Object.keys(signals)).toEqual(['m', 'n']));
  chat.removePane(0);
  expect([signals.m?.aborted, signals.n?.aborted]).toEqual([true, false]);
  chat.stop(0);
  expect(signals.n?.aborted).toBe(true);
});

test('where the browser denies its storage, a chat works and says that it is not kept', async () => {
  const denied = vi.spyOn(globalThis, 'localStorage', 'get').mockImplementation(() => {
    throw new DOMException('denied', 'SecurityError');
  });
  const kept = new Conversations();
  denied.mockRestore();
  const chat = new Chat(kept, done);
  chat.setModel(0, 'm');
  chat.send('Hello', []);
  await vi.waitFor(() => expect(chat.last(0)?.text).toBe('ok'));
  expect(kept.problem?.message).toMatch(/store nothing/);
  kept.delete(chat.current.id);
  expect(kept.all).toEqual([]);
});

test('what was under way when the page was left has stopped', () => {
  const kept = new Conversations();
  const chat = new Chat(kept, () => new Promise(() => undefined));
  chat.setModel(0, 'm');
  chat.send('one', []);
  expect(chat.isBusy).toBe(true);
  kept.leave();
  expect(new Conversations(localStorage, null).all[0]?.turns[0]?.answers[0]?.state).toBe('stopped');
});

test('a full storage is told, not thrown', () => {
  const full = vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
    throw new DOMException('full', 'QuotaExceededError');
  });
  const kept = new Conversations();
  const chat = new Chat(kept, done);
  chat.setModel(0, 'm');
  chat.send('one', []);
  expect(kept.problem?.code).toBe('storage_full');
  full.mockRestore();
});

test('export and import; what is no conversation is refused', () => {
  const kept = new Conversations();
  const chat = new Chat(kept, done);
  chat.setModel(0, 'm');
  chat.send('one', []);
  const text = kept.exported();
  kept.rename(chat.current.id, 'New name');
  kept.delete(chat.current.id);
  expect(new Conversations().all).toEqual([]);
  expect(kept.import(text)).toBe(1);
  expect(kept.all[0]?.title).toBe('one');
  expect(() => kept.import('{')).toThrow('not JSON');
  expect(() => kept.import('{"conversations":[{"id":1}]}')).toThrow('No conversation');
});
