/**
 * The conversations of this browser, one key of localStorage each. Its pages are in step: an answer
 * is made by the page that asked for it, which tells the others how far it is.
 */
import { Problem } from '$lib/api/problem';
import { Making } from './making.svelte';
import { answerOf, answersOf, conversationOf, stopAnswer } from './parse';
import { tabsOfBrowser, type News, type Tabs } from './tabs';
import { isUnderWay, type Answer, type Conversation } from './types';

const PREFIX = 'hearth.chat.';
/** So long an answer made by another page may be silent before that page is asked for. */
const SILENT_MS = 4000;
/** A page that is there has said something by then. */
const REPLY_MS = 1000;

function storageOfBrowser(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

export class Conversations {
  #all = $state<Conversation[]>([]);
  #problem = $state<Problem | null>(null);
  /** null: the browser denies it. */
  readonly #storage: Storage | null;
  readonly #tabs: Tabs | null;
  readonly #making: Making;
  /** Timers of the answers that other pages make. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- the states of answers are drawn
  readonly #watches = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(storage: Storage | null = storageOfBrowser(), tabs: Tabs | null = tabsOfBrowser()) {
    this.#storage = storage;
    this.#tabs = tabs;
    this.#making = new Making(
      (made) => this.#find(made.conversation, made.answer.id) !== undefined,
      ({ conversation, answer }) =>
        this.#tabs?.tell({ kind: 'answer', conversation, answer: $state.snapshot(answer) }),
    );
    this.load();
    tabs?.listen((news) => this.#onNews(news as Partial<News> | null));
  }

  /** The newest first. */
  get all(): readonly Conversation[] {
    return this.#all.toSorted((a, b) => b.changed_at - a.changed_at);
  }
  /** Why the last one could not be kept. */
  get problem(): Problem | null {
    return this.#problem;
  }
  get(id: string): Conversation | undefined {
    return this.#all.find((one) => one.id === id);
  }

  load(): void {
    if (!this.#storage) return;
    const found: Conversation[] = [];
    for (let i = 0; i < this.#storage.length; i += 1) {
      const key = this.#storage.key(i);
      if (!key?.startsWith(PREFIX)) continue;
      try {
        const one = conversationOf(JSON.parse(this.#storage.getItem(key) ?? ''));
        if (one) found.push(one);
      } catch {
        continue; // not ours
      }
    }
    this.#all = found;
    for (const one of found)
      for (const answer of answersOf(one).filter(isUnderWay)) this.#askFor(one.id, answer.id);
  }

  /** The kept one, whose changes are seen. */
  add(conversation: Conversation): Conversation {
    this.#all = [...this.#all.filter(({ id }) => id !== conversation.id), conversation];
    this.save(conversation.id);
    return this.get(conversation.id) ?? conversation;
  }

  /** What was changed in it is kept, and told to the other pages. */
  save(id: string): void {
    const one = this.get(id);
    if (!one) return;
    this.#making.endLost();
    this.#store(id);
    this.#tabs?.tell({ kind: 'kept', conversation: $state.snapshot(one) });
  }

  #store(id: string): void {
    const one = this.get(id);
    if (!one) return;
    if (!this.#storage) {
      this.#problem = new Problem(
        'storage_denied',
        'The browser lets this page store nothing: this conversation is not kept when the page is left.',
        { advice: 'Allow site data for this address, or export the conversation.' },
      );
      return;
    }
    try {
      this.#storage.setItem(PREFIX + id, JSON.stringify(one));
      this.#problem = null;
    } catch {
      this.#problem = new Problem(
        'storage_full',
        "The browser's storage is full: this conversation is not kept when the page is left.",
        { advice: 'Delete other conversations, or export this one.' },
      );
    }
  }

  rename(id: string, title: string): void {
    const one = this.get(id);
    if (!one || title.trim() === '') return;
    one.title = title.trim();
    this.save(id);
  }

  delete(id: string): void {
    this.#all = this.#all.filter((one) => one.id !== id);
    this.#making.endLost();
    this.#storage?.removeItem(PREFIX + id);
    this.#tabs?.tell({ kind: 'deleted', id });
    this.#problem = null;
  }

  exported(): string {
    return JSON.stringify({ format: 'hearth-chat', version: 1, conversations: this.#all }, null, 1);
  }

  /** How many were taken; throws a Problem. */
  import(text: string): number {
    let list: unknown;
    try {
      list = (JSON.parse(text) as { conversations?: unknown } | null)?.conversations;
    } catch {
      throw new Problem('bad_file', 'The file is not JSON.');
    }
    const taken = Array.isArray(list) ? list.flatMap((one) => conversationOf(one) ?? []) : [];
    if (taken.length === 0) throw new Problem('bad_file', 'No conversation is in the file.');
    for (const one of taken) {
      answersOf(one).forEach(stopAnswer);
      this.add(one);
    }
    return taken.length;
  }

  // ---- answers under way ----

  /** Makes the answer of a kept conversation by `how`, until it has ended or its place is gone. */
  async make(
    conversation: string,
    answer: Answer,
    how: (stop: AbortSignal) => Promise<void>,
  ): Promise<void> {
    await this.#making.make({ conversation, answer }, how);
    if (this.#find(conversation, answer.id)) this.#store(conversation);
  }

  /** Ends an answer, whichever page makes it. */
  stop(answer: string): void {
    if (!this.#making.stop(answer)) this.#tabs?.tell({ kind: 'stop', answer });
  }

  /** The page is left: what it makes ends with it. */
  leave(): void {
    for (const { conversation } of this.#making.leave()) this.#store(conversation);
  }

  #find(conversation: string, answer: string): Answer | undefined {
    const one = this.get(conversation);
    return one && answersOf(one).find(({ id }) => id === answer);
  }

  // ---- other pages ----

  #onNews(news: Partial<News> | null): void {
    if (news?.kind === 'kept') this.#onKept(conversationOf(news.conversation));
    else if (news?.kind === 'deleted') this.#onDeleted(news.id);
    else if (news?.kind === 'answer') this.#onAnswer(news.conversation, answerOf(news.answer));
    else if (news?.kind === 'stop') this.#making.stop(news.answer);
    else if (news?.kind === 'ask') this.#making.tellAll();
  }

  #onKept(one: Conversation | null): void {
    if (!one) return;
    // What is made here is further than the others knew.
    for (const { answers } of one.turns)
      for (const [pane, answer] of answers.entries())
        answers[pane] = this.#making.get(answer?.id) ?? answer;
    this.#all = [...this.#all.filter(({ id }) => id !== one.id), one];
    this.#making.endLost();
    for (const answer of answersOf(one)) this.#watch(one.id, answer);
  }

  #onDeleted(id: string | undefined): void {
    this.#all = this.#all.filter((one) => one.id !== id);
    this.#making.endLost();
  }

  #onAnswer(conversation: string | undefined, told: Answer | null): void {
    const answer = told && this.#find(conversation ?? '', told.id);
    if (!conversation || !answer || this.#making.get(told.id)) return;
    Object.assign(answer, told);
    this.#watch(conversation, answer);
  }

  /** A page that makes an answer may die without a word. */
  #watch(conversation: string, answer: Answer): void {
    clearTimeout(this.#watches.get(answer.id));
    this.#watches.delete(answer.id);
    if (!isUnderWay(answer) || this.#making.get(answer.id)) return;
    const { id } = answer;
    this.#watches.set(
      id,
      setTimeout(() => this.#askFor(conversation, id), SILENT_MS),
    );
  }

  #askFor(conversation: string, answer: string): void {
    if (!this.#tabs) return this.#onLeft(conversation, answer);
    this.#tabs.tell({ kind: 'ask' });
    this.#watches.set(
      answer,
      setTimeout(() => this.#onLeft(conversation, answer), REPLY_MS),
    );
  }

  #onLeft(conversation: string, answer: string): void {
    this.#watches.delete(answer);
    const found = this.#find(conversation, answer);
    if (!found) return;
    stopAnswer(found);
    this.#store(conversation);
  }
}
