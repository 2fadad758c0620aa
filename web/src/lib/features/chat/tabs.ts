/**
 * What the pages of one browser tell each other of its conversations. Each page gets what the
 * others say, in the order in which each said it; nothing of its own.
 */
import type { Answer, Conversation } from './types';

export type News =
  /** Said, named or set otherwise, as a whole. */
  | { kind: 'kept'; conversation: Conversation }
  | { kind: 'deleted'; id: string }
  /** How far an answer is that the sender makes. */
  | { kind: 'answer'; conversation: string; answer: Answer }
  /** Whoever makes the answer shall end it. */
  | { kind: 'stop'; answer: string }
  /** Whoever makes answers shall tell how far they are. */
  | { kind: 'ask' };

export interface Tabs {
  tell(news: News): void;
  /** What comes may be of a page of another version: it is to be checked. */
  listen(take: (news: unknown) => void): void;
}

/** null: the browser has no such thing, and each page is alone. */
export function tabsOfBrowser(): Tabs | null {
  if (!('BroadcastChannel' in globalThis)) return null;
  const channel = new BroadcastChannel('hearth.chat');
  return {
    tell: (news) => channel.postMessage(news),
    listen: (take) =>
      channel.addEventListener('message', (event: MessageEvent<unknown>) => take(event.data)),
  };
}
