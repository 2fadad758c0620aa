/** Rows by id that the daemon owns: a picture, then what changes. Models, profiles and downloads. */
import { SvelteMap } from 'svelte/reactivity';
import { Problem } from '$lib/api/problem';
import { live, type Live } from './live.svelte';

export class Collection<Row> {
  readonly #rows = new SvelteMap<string, Row>();
  readonly #idOf: (row: Row) => string;
  readonly #list: (connection: Live) => Promise<Row[]>;
  readonly #listen: (connection: Live, rows: Collection<Row>) => void;
  readonly #isApart: boolean;
  readonly #live: Live;
  /** What was told while a picture is on its way that does not come in step with it. */
  #told: (() => void)[] | null = null;
  /** Counts pictures: one that another overtook is old. */
  #nPictures = 0;
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
      /** The picture comes over another connection: what is told may be newer than it. */
      isApart?: boolean;
    },
    connection: Live = live,
  ) {
    this.#idOf = how.idOf;
    this.#list = how.list;
    this.#listen = how.listen;
    this.#isApart = how.isApart ?? false;
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
    this.change(() => this.#rows.set(this.#idOf(row), row));
  }
  /** From an answer over REST: what was told of the row meanwhile is newer. */
  learn(row: Row): void {
    if (this.get(this.#idOf(row)) === undefined) this.put(row);
  }
  delete(id: string): void {
    this.change(() => this.#rows.delete(id));
  }
  /** Done now, and again on the picture that is on its way, if that may be older. */
  change(how: () => void): void {
    const told = this.#told;
    told?.push(how);
    this.#told = null; // what it calls is part of it
    how();
    this.#told = told;
  }
  replace(rows: readonly Row[]): void {
    this.#nPictures += 1;
    this.#told = null;
    this.#rows.clear();
    for (const row of rows) this.put(row);
    this.#problem = null;
    this.#isLoaded = true;
  }

  async load(): Promise<void> {
    const number = ++this.#nPictures;
    this.#told = this.#isApart ? [] : null;
    try {
      const rows = await this.#list(this.#live);
      if (number !== this.#nPictures) return;
      const told = this.#told ?? [];
      this.replace(rows);
      for (const change of told) change();
    } catch (error) {
      if (number !== this.#nPictures) return;
      this.#told = null;
      this.#problem = Problem.of(error);
    }
  }
}
