/** Rows by id that the daemon owns: a picture, then what changes. Models, profiles and downloads. */
import { SvelteMap } from 'svelte/reactivity';
import { Problem } from '$lib/api/problem';
import { live, type Live } from './live.svelte';

export class Collection<Row> {
  readonly #rows = new SvelteMap<string, Row>();
  readonly #idOf: (row: Row) => string;
  readonly #list: (connection: Live) => Promise<Row[]>;
  readonly #listen: (connection: Live, rows: Collection<Row>) => void;
  readonly #live: Live;
  #isLoaded = $state(false);
  #problem = $state<Problem | null>(null);
  #isStarted = false;

  constructor(
    how: {
      idOf: (row: Row) => string;
      /** Asks for the picture. */
      list: (connection: Live) => Promise<Row[]>;
      /** Subscribes to what changes it: calls put, delete, replace. */
      listen: (connection: Live, rows: Collection<Row>) => void;
    },
    connection: Live = live,
  ) {
    this.#idOf = how.idOf;
    this.#list = how.list;
    this.#listen = how.listen;
    this.#live = connection;
  }

  /** Begins to listen; again, it does nothing. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#listen(this.#live, this);
    this.#live.feed(() => void this.load());
  }

  get isLoaded(): boolean {
    return this.#isLoaded;
  }
  get problem(): Problem | null {
    return this.#problem;
  }
  get size(): number {
    return this.#rows.size;
  }
  get all(): readonly Row[] {
    return [...this.#rows.values()];
  }
  get(id: string): Row | undefined {
    return this.#rows.get(id);
  }

  put(row: Row): void {
    this.#rows.set(this.#idOf(row), row);
  }
  delete(id: string): void {
    this.#rows.delete(id);
  }
  replace(rows: readonly Row[]): void {
    this.#rows.clear();
    for (const row of rows) this.put(row);
    this.#problem = null;
    this.#isLoaded = true;
  }

  async load(): Promise<void> {
    try {
      this.replace(await this.#list(this.#live));
    } catch (error) {
      this.#problem = Problem.of(error);
    }
  }
}
