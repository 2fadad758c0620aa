/** What the palette and the keyboard offer now: pages add theirs while they are shown. */
import { untrack } from 'svelte';

export interface Command {
  id: string;
  group: 'Actions' | 'Models' | 'Go to';
  title: string;
  /** Of the thing it is done to, where there are other actions on it. */
  name?: string;
  /** Name of an icon of ui/icons.ts. */
  icon?: string;
  /** Ways to have it outside of inputs, each as typed: "g d", "?", "Ctrl D". */
  keys?: readonly string[];
  /** Other words to find it by. */
  words?: string;
  /** Of the thing: one of ui/states.ts. */
  state?: string;
  /** It ends or takes away something: never the first to be offered. */
  isDestructive?: boolean;
  /** What not every key may. */
  needs?: 'control' | 'inference';
  /** Why it may not be run. */
  refused?: string;
  /** All that can be done with the thing, this included: asked for when wanted. */
  more?: () => readonly Command[];
  /** It needs one of these, which is what then runs: by itself it opens the palette for them. */
  choices?: {
    /** Called before they are shown. */
    prepare?: () => void;
    list: () => readonly Command[];
    /** Why there is none. */
    none: () => string;
  };
  run: () => void;
}

export class Commands {
  #sets = $state.raw<readonly (() => readonly Command[])[]>([]);

  #isOpen = $state(false);
  #within = $state<string | null>(null);

  /** Whether the palette is shown. */
  get isOpen(): boolean {
    return this.#isOpen;
  }
  /** Id of the command whose choices it begins with. */
  get within(): string | null {
    return this.#within;
  }
  open(within: string | null = null): void {
    this.#within = within;
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
