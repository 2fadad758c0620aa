import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Chat } from './chat.svelte';
import { Conversations } from './conversations.svelte';
import type { Tabs } from './tabs';
import type { Answer } from './types';

beforeEach(() => {
  localStorage.clear();
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

/** Pages of one browser, each of which hears the others later, in order, as copies. */
class Browser {
  readonly #listeners: ((news: unknown) => void)[] = [];
  readonly making: Record<string, { answer: Answer; stop: AbortSignal; end: () => void }> = {};

  tabs(): Tabs {
    let own: (news: unknown) => void;
    return {
      tell: (news) => {
        const copy = JSON.stringify(news);
        const others = this.#listeners.filter((one) => one !== own);
        for (const take of others) setTimeout(() => take(JSON.parse(copy)));
      },
      listen: (take) => this.#listeners.push((own = take)),
    };
  }
  /** Its answers grow by hand: `making` has them by their models. */
  page(id?: string): { kept: Conversations; chat: Chat } {
    const kept = new Conversations(localStorage, this.tabs());
    const chat = new Chat(
      kept,
      (answer, _body, stop) =>
        new Promise((resolve) => {
          const end = () => resolve();
          this.making[answer.model] = { answer, stop, end };
          stop.addEventListener('abort', () => {
            if (answer.state !== 'done') answer.state = 'stopped';
            end();
          });
        }),
    );
    if (id) chat.open(id);
    return { kept, chat };
  }
  grow(model: string, text: string): void {
    const { answer } = this.of(model);
    answer.text += text;
    answer.state = 'answering';
  }
  of(model: string) {
    const made = this.making[model];
    if (!made) throw new Error(`${model} makes nothing`);
    return made;
  }
  /** A page that is gone without a word. */
  kill(): void {
    this.#listeners.splice(0, 1);
  }
}

const soon = () => vi.advanceTimersByTimeAsync(10);
const stored = (id: string) => new Conversations(localStorage, null).get(id);

async function pair() {
  const browser = new Browser();
  const first = browser.page();
  first.chat.setModel(0, 'm');
  first.chat.send('one', []);
  browser.grow('m', 'Half');
  const id = first.chat.current.id;
  const second = browser.page(id);
  await soon();
  return { browser, first, second, id };
}

test('an answer grows in both pages, and one that comes later has all of it', async () => {
  const { browser, first, second, id } = await pair();
  expect([second.chat.isBusy, second.chat.last(0)?.text]).toEqual([true, 'Half']);
  browser.grow('m', ' and half');
  await soon();
  expect(second.chat.last(0)?.text).toBe('Half and half');
  const third = browser.page(id);
  await soon();
  expect(third.chat.last(0)?.text).toBe('Half and half');
  Object.assign(browser.of('m').answer, { state: 'done', text: 'Whole' });
  browser.of('m').end();
  await soon();
  for (const page of [first, second, third])
    expect([page.chat.isBusy, page.chat.last(0)?.text]).toEqual([false, 'Whole']);
  expect(stored(id)?.turns[0]?.answers[0]?.text).toBe('Whole');
});

test('each page ends the answer, and then says the next', async () => {
  const { browser, first, second } = await pair();
  second.chat.stopAll();
  await soon();
  expect(browser.of('m').stop.aborted).toBe(true);
  expect([first.chat.last(0)?.state, second.chat.last(0)?.state]).toEqual(['stopped', 'stopped']);
  second.chat.send('two', []);
  browser.grow('m', 'Again');
  await soon();
  expect(first.chat.current.turns.map(({ text }) => text)).toEqual(['one', 'two']);
  expect(first.chat.last(0)?.text).toBe('Again');
});

test('what is edited elsewhere ends the answer, which does not come back', async () => {
  const { browser, first, second, id } = await pair();
  const old = browser.of('m');
  second.chat.edit(second.chat.current.turns[0]?.id ?? '', 'uno');
  await soon();
  expect(old.stop.aborted).toBe(true);
  for (const { turns } of [first.chat.current, second.chat.current, stored(id)].flatMap(
    (one) => one ?? [],
  ))
    expect(turns.map(({ text, answers }) => [text, answers.length])).toEqual([['uno', 1]]);
  expect(browser.of('m').stop.aborted).toBe(false);
});

test('names and parameters of another page leave the answer alone', async () => {
  const { browser, first, second, id } = await pair();
  second.kept.rename(id, 'Named');
  second.chat.current.parameters.seed = 4;
  second.chat.changed();
  browser.grow('m', ' more');
  await soon();
  browser.grow('m', ' and more');
  browser.of('m').answer.state = 'done';
  browser.of('m').end();
  await soon();
  for (const one of [first.chat.current, second.chat.current, stored(id)]) {
    expect([one?.title, one?.parameters.seed]).toEqual(['Named', 4]);
    expect(one?.turns[0]?.answers[0]?.text).toBe('Half more and more');
  }
});

test('a conversation that is deleted elsewhere goes, with its answer', async () => {
  const { browser, first, second, id } = await pair();
  second.kept.delete(id);
  await soon();
  expect(browser.of('m').stop.aborted).toBe(true);
  expect([first.chat.isKept, first.kept.all.length, stored(id)]).toEqual([false, 0, undefined]);
});

test('the answer of a page that is left has stopped in the others', async () => {
  const { first, second, id } = await pair();
  first.kept.leave();
  await soon();
  expect([second.chat.last(0)?.state, second.chat.last(0)?.text]).toEqual(['stopped', 'Half']);
  expect(stored(id)?.turns[0]?.answers[0]?.text).toBe('Half');
});

test('a page that died without a word is found out; one that is merely slow is not', async () => {
  const { browser, second, id } = await pair();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(second.chat.last(0)?.state).toBe('answering');
  browser.kill();
  await vi.advanceTimersByTimeAsync(5000);
  expect(second.chat.last(0)?.state).toBe('stopped');
  expect(stored(id)?.turns[0]?.answers[0]?.text).toBe('Half');
  const late = browser.page(id);
  await soon();
  expect(late.chat.last(0)?.state).toBe('stopped');
});

test('news of a page that speaks otherwise are let go', async () => {
  const { browser, first } = await pair();
  const other = browser.tabs();
  other.listen(() => undefined);
  for (const news of [
    null,
    4,
    {},
    { kind: 'kept' },
    { kind: 'answer', conversation: 1 },
    { kind: 'stop' },
  ])
    other.tell(news as never);
  await soon();
  expect([first.chat.isBusy, first.kept.all.length]).toEqual([true, 1]);
});
