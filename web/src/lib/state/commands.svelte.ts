/** What the palette and the keyboard offer now: pages add theirs while they are shown. */
import { untrack } from 'svelte';

export interface Command {
  id: string;
  group: 'Actions' | 'Models' | 'Go to';
  title: string;
  /** Name of an icon of ui/icons.ts. */
  icon?: string;
  /** As typed outside of inputs: "g d" or "?". */
  keys?: string;
  /** Other words to find it by. */
  words?: string;
  run: () => void;
}

export class Commands {
  #sets = $state.raw<readonly (() => readonly Command[])[]>([]);

  #isOpen = $state(false);

  /** Whether the palette is shown. */
  get isOpen(): boolean {
    return this.#isOpen;
  }
  open(): void {
    this.#isOpen = true;
  }
  close(): void {
    this.#isOpen = false;
  }

  get all(): readonly Command[] {
    return this.#sets.flatMap((set) => set());
  }

  /** `list` is read each time; returns how to take them away, as $effect wants it. */
  add(list: () => readonly Command[]): () => void {
    this.#sets = [...untrack(() => this.#sets), list];
    return () => {
      this.#sets = this.#sets.filter((other) => other !== list);
    };
  }
}

export const commands = new Commands();
