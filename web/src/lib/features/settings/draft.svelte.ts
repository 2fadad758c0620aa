/** What was changed on the page and is not saved. */
import { SvelteMap } from 'svelte/reactivity';
import { Problem } from '$lib/api/problem';
import type { SettingsState, SettingValue } from '$lib/state/settings.svelte';

const same = (a: SettingValue, b: SettingValue): boolean => JSON.stringify(a) === JSON.stringify(b);

export class Draft {
  readonly #settings: SettingsState;
  /** null: back to the default. */
  readonly #changes = new SvelteMap<string, SettingValue>();
  /** What the daemon had when the change was begun. */
  readonly #before = new SvelteMap<string, SettingValue>();
  readonly #errors = new SvelteMap<string, string>();
  #problem = $state.raw<Problem | null>(null);
  #isSaving = $state(false);

  constructor(settings: SettingsState) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#changes.size;
  }
  get keys(): string[] {
    return [...this.#changes.keys()];
  }
  get isSaving(): boolean {
    return this.#isSaving;
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
  valueOf(key: string): SettingValue {
    return this.#changes.has(key)
      ? (this.#changes.get(key) ?? null)
      : (this.#settings.all[key]?.value ?? null);
  }
  /** Keys that somebody else has changed meanwhile. */
  get overtaken(): string[] {
    return this.keys.filter(
      (key) => !same(this.#before.get(key) ?? null, this.#settings.all[key]?.value ?? null),
    );
  }

  change(key: string, value: SettingValue): void {
    const there = this.#settings.all[key]?.value ?? null;
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

  /** True when all is stored; what is refused stays, with its reason. */
  async save(): Promise<boolean> {
    this.#isSaving = true;
    this.#problem = null;
    this.#errors.clear();
    try {
      await this.#settings.save(Object.fromEntries(this.#changes));
      this.discard();
      return true;
    } catch (error) {
      const problem = Problem.of(error);
      for (const { field, message } of problem.details) this.#errors.set(field, message);
      if (!problem.details.some(({ field }) => this.#changes.has(field))) this.#problem = problem;
      return false;
    } finally {
      this.#isSaving = false;
    }
  }
}
