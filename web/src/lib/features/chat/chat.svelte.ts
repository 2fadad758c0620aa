/** The conversation that is shown. */
import { ask } from './ask';
import type { Conversations } from './conversations.svelte';
import {
  bodyOf,
  isUnderWay,
  newAnswer,
  newId,
  noParameters,
  type Answer,
  type Conversation,
  type Parameters,
} from './types';

const fresh = (models: string[], parameters: Parameters): Conversation => ({
  id: newId(),
  title: 'New chat',
  changed_at: Date.now(),
  models,
  turns: [],
  parameters: { ...parameters },
});

type Ask = typeof ask;

export class Chat {
  readonly #kept: Conversations;
  readonly #ask: Ask;
  #draft = $state<Conversation>(fresh([''], noParameters()));
  #id = $state('');

  constructor(kept: Conversations, how: Ask = ask) {
    this.#kept = kept;
    this.#ask = how;
  }

  get current(): Conversation {
    return this.#kept.get(this.#id) ?? this.#draft;
  }
  /** It has been kept, so that an address may name it. */
  get isKept(): boolean {
    return this.#kept.get(this.#id) !== undefined;
  }
  get isBusy(): boolean {
    return this.current.turns.some(({ answers }) => answers.some(isUnderWay));
  }
  last(pane: number): Answer | null {
    return this.current.turns.at(-1)?.answers[pane] ?? null;
  }

  open(id: string): void {
    if (this.#kept.get(id)) this.#id = id;
  }
  /** An empty one, with the models and parameters of what was shown. */
  begin(models: string[] = [...this.current.models]): void {
    this.#draft = fresh(models, this.current.parameters);
    this.#id = '';
  }
  setModel(pane: number, name: string): void {
    this.current.models[pane] = name;
    this.#keep();
  }
  setPanes(n: number): void {
    const { models } = this.current;
    if (n === 2 && models.length === 1) models.push('');
    if (n === 1 && models.length === 2) this.removePane(1);
    this.#keep();
  }
  removePane(pane: number): void {
    const { models, turns } = this.current;
    if (models.length < 2) return;
    // Answers of the pane that stays take the first place.
    models.splice(pane, 1);
    for (const turn of turns) turn.answers.splice(pane, 1);
    this.#keep();
  }
  changed(): void {
    this.#keep();
  }

  send(text: string, images: string[]): void {
    const { current } = this;
    if (!this.isKept) {
      current.title = text.trim().split('\n')[0]?.slice(0, 60) || 'An image';
      this.#kept.add($state.snapshot(current));
      this.#id = current.id;
    }
    this.current.turns.push({ id: newId(), text, images, answers: [] });
    this.#answerAll();
  }

  /** Says it otherwise: what followed goes. */
  edit(turnId: string, text: string): void {
    const { turns } = this.current;
    const at = turns.findIndex(({ id }) => id === turnId);
    const turn = turns[at];
    if (!turn) return;
    turns.splice(at);
    turns.push({ ...turn, id: newId(), text, answers: [] });
    this.#answerAll();
  }

  /** The last answer once more. */
  again(pane: number): void {
    if (this.current.turns.length > 0) void this.#answer(pane);
  }

  stop(pane: number): void {
    for (const { answers } of this.current.turns) {
      const answer = answers[pane];
      if (answer && isUnderWay(answer)) this.#kept.stop(answer.id);
    }
  }
  stopAll(): void {
    for (const pane of [0, 1]) this.stop(pane);
  }

  #keep(): void {
    if (this.isKept) this.#kept.save(this.#id);
  }

  #answerAll(): void {
    this.current.models.forEach((name, pane) => {
      if (name) void this.#answer(pane);
    });
  }

  async #answer(pane: number): Promise<void> {
    const conversation = this.current;
    const at = conversation.turns.length - 1;
    const turn = conversation.turns[at];
    if (!turn) return;
    while (turn.answers.length < pane) turn.answers.push(null);
    turn.answers[pane] = newAnswer(conversation.models[pane] ?? '');
    const answer = turn.answers[pane];
    if (!answer) return;
    conversation.changed_at = Date.now();
    this.#kept.save(conversation.id);
    const body = bodyOf($state.snapshot(conversation), pane, at);
    await this.#kept.make(conversation.id, answer, (stop) => this.#ask(answer, body, stop));
  }
}
