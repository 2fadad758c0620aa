/** The conversations of this browser, one key of localStorage each. */
import { Problem } from '$lib/api/problem';
import { isUnderWay, noParameters, type Answer, type Conversation, type Turn } from './types';

const PREFIX = 'hearth.chat.';

const isText = (value: unknown): value is string => typeof value === 'string';

function answerOf(value: unknown): Answer | null {
  const answer = value as Answer | null;
  if (!answer || !isText(answer.text) || !isText(answer.model) || !answer.figures) return null;
  // What was under way when the page was left has ended with it.
  return isUnderWay(answer) ? { ...answer, state: 'stopped', waiting: '' } : answer;
}

/** null: not a conversation. */
export function conversationOf(value: unknown): Conversation | null {
  const raw = value as Partial<Conversation> | null;
  if (!raw || !isText(raw.id) || !isText(raw.title)) return null;
  if (!Array.isArray(raw.models) || !raw.models.every(isText)) return null;
  if (!Array.isArray(raw.turns)) return null;
  const turns = raw.turns.filter((turn): turn is Turn => isText(turn?.id) && isText(turn?.text));
  return {
    id: raw.id,
    title: raw.title,
    changed_at: Number(raw.changed_at) || 0,
    models: raw.models.slice(0, 2),
    turns: turns.map((turn) => ({
      ...turn,
      images: Array.isArray(turn.images)
        ? turn.images.filter((image) => isText(image) && image.startsWith('data:image/'))
        : [],
      answers: Array.isArray(turn.answers) ? turn.answers.map(answerOf) : [],
    })),
    parameters: { ...noParameters(), ...raw.parameters },
  };
}

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

  constructor(storage: Storage | null = storageOfBrowser()) {
    this.#storage = storage;
    this.load();
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
  }

  /** Another window has written `key`. What is answered here stays as it is. */
  onStorage(key: string | null, value: string | null): void {
    if (!key?.startsWith(PREFIX)) return;
    const id = key.slice(PREFIX.length);
    const own = this.get(id);
    if (own?.turns.some(({ answers }) => answers.some(isUnderWay))) return;
    const others = this.#all.filter((one) => one.id !== id);
    try {
      const one = value === null ? null : conversationOf(JSON.parse(value));
      this.#all = one ? [...others, one] : others;
    } catch {
      this.#all = others;
    }
  }

  /** The kept one, whose changes are seen. */
  add(conversation: Conversation): Conversation {
    this.#all = [...this.#all.filter(({ id }) => id !== conversation.id), conversation];
    this.save(conversation.id);
    return this.get(conversation.id) ?? conversation;
  }

  save(id: string): void {
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
    this.#storage?.removeItem(PREFIX + id);
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
    for (const one of taken) this.add(one);
    return taken.length;
  }
}
