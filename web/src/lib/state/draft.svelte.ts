/** What was changed on the page and is not saved. */
import { SvelteMap } from 'svelte/reactivity';
import { Problem } from '$lib/api/problem';

export type DraftValue = string | number | boolean | readonly string[] | null;
type Changes = Readonly<Record<string, DraftValue>>;

/** What the daemon has, and how it is told. */
export interface Source {
  readonly all: Readonly<Record<string, { value: DraftValue } | undefined>>;
  /** All of them or none. */
  save(changes: Changes): Promise<void>;
}

const same = (a: DraftValue | Changes, b: DraftValue | Changes): boolean =>
  JSON.stringify(a) === JSON.stringify(b);

export class Draft {
  readonly #source: Source;
  /** null: back to the default. */
  readonly #changes = new SvelteMap<string, DraftValue>();
  /** What the daemon had when the change was begun. */
  readonly #before = new SvelteMap<string, DraftValue>();
  readonly #errors = new SvelteMap<string, string>();
  #problem = $state.raw<Problem | null>(null);
  /** What is on its way. */
  #sent = $state.raw<Changes | null>(null);
  #saving: Promise<boolean> | null = null;
  #isWantedAgain = $state(false);

  constructor(source: Source) {
    this.#source = source;
  }

  get size(): number {
    return this.#changes.size;
  }
  get keys(): string[] {
    return [...this.#changes.keys()];
  }
  /** All that is changed is on its way, or follows what is. */
  get isSaving(): boolean {
    return this.#sent !== null && (this.#isWantedAgain || same(this.#sent, this.#now));
  }
  get #now(): Changes {
    return Object.fromEntries(this.#changes);
  }
  /** What is wrong with the whole, not with one of its keys. */
  get problem(): Problem | null {
    return this.#problem;
  }
  errorOf(key: string): string | undefined {
    return this.#errors.get(key);
  }
  has(key: string): boolean {
    return this.#changes.has(key);
  }
  /** As the page shows it. */
  valueOf(key: string): DraftValue {
    return this.#changes.has(key)
      ? (this.#changes.get(key) ?? null)
      : (this.#source.all[key]?.value ?? null);
  }
  /** Keys that somebody else has changed meanwhile. */
  get overtaken(): string[] {
    return this.keys.filter(
      (key) => !same(this.#before.get(key) ?? null, this.#source.all[key]?.value ?? null),
    );
  }

  change(key: string, value: DraftValue): void {
    const there = this.#source.all[key]?.value ?? null;
    this.#errors.delete(key);
    if (value !== null && same(value, there)) {
      this.drop(key);
      return;
    }
    if (!this.#changes.has(key)) this.#before.set(key, there);
    this.#changes.set(key, value);
  }

  drop(key: string): void {
    for (const map of [this.#changes, this.#before, this.#errors]) map.delete(key);
  }
  discard(): void {
    for (const map of [this.#changes, this.#before, this.#errors]) map.clear();
    this.#problem = null;
  }

  /**
   * True when all is stored; what is refused stays, with its reason. One at a time: asked for
   * meanwhile, what was changed since follows once that has ended.
   */
  save(): Promise<boolean> {
    if (this.#saving) this.#isWantedAgain = true;
    else this.#saving = this.#saveAll().finally(() => (this.#saving = null));
    return this.#saving;
  }

  async #saveAll(): Promise<boolean> {
    for (;;) {
      const sent = this.#now;
      this.#sent = sent;
      this.#isWantedAgain = false;
      const isStored = await this.#send(sent);
      this.#sent = null;
      if (!this.#isWantedAgain || this.size === 0 || same(sent, this.#now)) return isStored;
    }
  }

  async #send(sent: Changes): Promise<boolean> {
    this.#problem = null;
    this.#errors.clear();
    try {
      await this.#source.save(sent);
      // What was changed once more meanwhile is not saved yet.
      for (const [key, value] of Object.entries(sent))
        if (same(this.#changes.get(key) ?? null, value)) this.drop(key);
        else this.#before.set(key, this.#source.all[key]?.value ?? null);
      return true;
    } catch (error) {
      const problem = Problem.of(error);
      for (const { field, message } of problem.details) this.#errors.set(field, message);
      if (!problem.details.some(({ field }) => this.#changes.has(field))) this.#problem = problem;
      return false;
    }
  }
}
