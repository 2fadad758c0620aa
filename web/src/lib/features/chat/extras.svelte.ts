/** What few answers need and is larger than the page: it comes when first asked for. */
import type { HLJSApi } from 'highlight.js';
import type Temml from 'temml';

/** What cannot be had, as after an upgrade of the server, is not asked for with each frame. */
const AGAIN_MS = 10_000;

export class Extra<T> {
  readonly #load: () => Promise<T>;
  #value = $state.raw<T | null>(null);
  #loading: Promise<void> | null = null;

  constructor(load: () => Promise<T>) {
    this.#load = load;
  }

  /** null: not there yet. */
  get value(): T | null {
    return this.#value;
  }
  /** The same, and has it come: whoever draws with it draws again when it is. */
  get(): T | null {
    if (this.#value === null) void this.come();
    return this.#value;
  }

  /** Resolves when it is there, or cannot be had for now. */
  come(): Promise<void> {
    this.#loading ??= this.#load().then(
      (value) => void (this.#value = value),
      () => void setTimeout(() => (this.#loading = null), AGAIN_MS),
    );
    return this.#loading;
  }
}

export const highlighter = new Extra<HLJSApi>(() =>
  import('highlight.js/lib/common').then((module) => module.default),
);
export const formulas = new Extra<typeof Temml>(() =>
  import('temml').then((module) => module.default),
);
