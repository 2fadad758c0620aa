/** The answers that this page makes. */
import { stopAnswer } from './parse';
import type { Answer } from './types';

export interface Made {
  /** Its id. */
  conversation: string;
  answer: Answer;
}

export class Making {
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- the states of answers are drawn
  readonly #all = new Map<string, Made & { stop: AbortController }>();
  readonly #hasPlace: (made: Made) => boolean;
  readonly #tell: (made: Made) => void;

  /** `hasPlace`: it is in its conversation still. `tell`: hears how far each is. */
  constructor(hasPlace: (made: Made) => boolean, tell: (made: Made) => void) {
    this.#hasPlace = hasPlace;
    this.#tell = tell;
  }

  get(answer: string | undefined): Answer | undefined {
    return this.#all.get(answer ?? '')?.answer;
  }

  /** Resolves when `how` has, which never rejects. */
  async make(made: Made, how: (stop: AbortSignal) => Promise<void>): Promise<void> {
    const stop = new AbortController();
    this.#all.set(made.answer.id, { ...made, stop });
    const unwatch = $effect.root(() => {
      $effect(() => this.#tell(made));
    });
    await how(stop.signal);
    unwatch();
    this.#all.delete(made.answer.id);
    this.#tell(made);
  }

  /** false: it is not made here. */
  stop(answer: string | undefined): boolean {
    const made = this.#all.get(answer ?? '');
    made?.stop.abort();
    return made !== undefined;
  }

  /** Ends what has no place any more: something else is there, or all of it went. */
  endLost(): void {
    for (const made of this.#all.values()) if (!this.#hasPlace(made)) made.stop.abort();
  }

  tellAll(): void {
    for (const made of this.#all.values()) this.#tell(made);
  }

  /** Ends them all at once; which they were. */
  leave(): Made[] {
    const all = [...this.#all.values()];
    for (const made of all) {
      stopAnswer(made.answer);
      made.stop.abort();
      this.#tell(made);
    }
    return all;
  }
}
