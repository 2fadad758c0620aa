/**
 * What the form is about to save: over what the server has lies what was detected, and over that
 * what the user has touched. Detection never reaches a touched field, and what others save
 * meanwhile is seen at once in the fields that were not touched.
 */
import { SvelteMap } from 'svelte/reactivity';
import type { FieldDetail } from '$lib/api/problem';
import type { NewProfile, Profile } from '$lib/api/schema';

export type Fields = Readonly<Record<string, unknown>>;
const PREFIX = 'options.';

/** Not set, null and undefined are one. */
export const same = (a: unknown, b: unknown): boolean =>
  JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

type Named<T> = keyof { [Key in keyof T as string extends Key ? never : Key]: T[Key] };
/** Of a profile, what only the server says. */
const told: Record<Exclude<keyof Profile, Named<NewProfile>>, true> = {
  id: true,
  source: true,
  node: true,
  created_at_ms: true,
  updated_at_ms: true,
  state: true,
  restart_required: true,
};

/** What can be set of a profile: its options beside its fields, its variables as NAME=value. */
export function flatten(profile: Readonly<Record<string, unknown>>): Fields {
  const { options, env, ...fields } = profile;
  const flat: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) if (!(key in told)) flat[key] = value;
  for (const [key, value] of Object.entries((options ?? {}) as object)) flat[PREFIX + key] = value;
  const variables = Object.entries((env ?? {}) as object).map(
    ([name, value]) => `${name}=${value}`,
  );
  flat.env = variables.length ? variables : null;
  for (const [field, value] of Object.entries(flat))
    if (value === '' || (Array.isArray(value) && value.length === 0)) flat[field] = null;
  return flat;
}

const unique = (names: readonly string[]): string[] =>
  names.filter((name, at) => names.indexOf(name) === at);

function variables(list: unknown): Record<string, string> {
  const pairs = ((list ?? []) as string[]).map((text): [string, string] => {
    const at = text.indexOf('=');
    return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
  });
  return Object.fromEntries(pairs);
}

export class Draft {
  readonly #base: () => Fields;
  readonly #edits = new SvelteMap<string, unknown>();
  /** What the server had when a field was first touched. */
  readonly #seen = new SvelteMap<string, unknown>();
  readonly #detected = new SvelteMap<string, unknown>();
  readonly #refused = new SvelteMap<string, string>();

  /** `base`: what the server has now; {} of what is new. */
  constructor(base: () => Fields) {
    this.#base = base;
  }

  get(field: string): unknown {
    if (this.#isMine(field)) return this.#edits.get(field) ?? null;
    return this.#base()[field] ?? this.#detected.get(field) ?? null;
  }
  text(field: string): string {
    const value = this.get(field);
    return value === null ? '' : String(value);
  }
  list(field: string): readonly string[] {
    const value = this.get(field);
    return Array.isArray(value) ? (value as string[]) : [];
  }

  /** By the user. null: back to the default. */
  set(field: string, value: unknown): void {
    if (!this.#edits.has(field)) this.#seen.set(field, this.#base()[field]);
    this.#edits.set(field, value);
    this.#refused.delete(field);
  }
  /** The user's value counts; not where it was put back to what was stored. */
  #isMine(field: string): boolean {
    if (!this.#edits.has(field)) return false;
    const isBack = same(this.#edits.get(field), this.#seen.get(field));
    return !isBack || (this.#base()[field] ?? null) === null;
  }

  /** What fits the model; replaces what was detected before. */
  detect(fields: Fields): void {
    this.#detected.clear();
    this.suggest(fields);
  }
  suggest(fields: Fields): void {
    for (const [field, value] of Object.entries(fields)) this.#detected.set(field, value);
  }
  /** Whether the value shown is one that was detected. */
  isDetected(field: string): boolean {
    return (
      !this.#edits.has(field) &&
      (this.#base()[field] ?? null) === null &&
      (this.#detected.get(field) ?? null) !== null
    );
  }

  /** Fields that saving would change. */
  get changed(): readonly string[] {
    const base = this.#base();
    return [...this.#edits.keys()].filter(
      (field) => this.#isMine(field) && !same(this.#edits.get(field), base[field]),
    );
  }
  get isDirty(): boolean {
    return this.changed.length > 0;
  }
  /** Fields that have a value. */
  get fields(): readonly string[] {
    const names = [...Object.keys(this.#base()), ...this.#detected.keys(), ...this.#edits.keys()];
    return unique(names).filter((field) => this.get(field) !== null);
  }

  /** Changed here, and by others since: nobody's value is taken without a word. */
  get conflicts(): readonly string[] {
    const base = this.#base();
    return this.changed.filter((field) => !same(base[field], this.#seen.get(field)));
  }
  /** The values here hold, whatever others saved. */
  keepMine(): void {
    const base = this.#base();
    for (const field of this.conflicts) this.#seen.set(field, base[field]);
  }
  /** What others saved holds. */
  takeTheirs(): void {
    for (const field of this.conflicts) this.#forget(field);
  }

  /** Everything as the server has it. */
  undo(): void {
    for (const field of [...this.#edits.keys()]) this.#forget(field);
    this.#refused.clear();
  }

  /** Puts what the server says at the fields that it names. */
  refuse(details: readonly FieldDetail[]): void {
    this.#refused.clear();
    for (const { field, message } of details) this.#refused.set(field, message);
  }
  refusal(field: string): string | undefined {
    return this.#refused.get(field);
  }
  get refusals(): number {
    return this.#refused.size;
  }
  /** Refused fields that no row is there for. */
  refusedBut(known: readonly string[]): FieldDetail[] {
    return [...this.#refused]
      .filter(([field]) => !known.includes(field))
      .map(([field, message]) => ({ field, message }));
  }

  /** What is being sent; `settle` takes it when it is stored. */
  snapshot(): readonly (readonly [field: string, value: unknown])[] {
    return [...this.#edits];
  }
  /** Stored: what was typed since is still the user's. */
  settle(sent: ReturnType<Draft['snapshot']>): void {
    const base = this.#base();
    for (const [field, value] of sent)
      if (same(this.#edits.get(field), value)) this.#forget(field);
      else if (this.#edits.has(field)) this.#seen.set(field, base[field]); // by us, not by others
    this.#refused.clear();
  }

  /** The body that makes a profile. */
  whole(): Record<string, unknown> {
    return this.#body(this.fields);
  }
  /** The body that changes one: only what differs, or was detected; options are sent together. */
  patch(): Record<string, unknown> {
    const base = this.#base();
    const options = Object.keys(base).filter((field) => field.startsWith(PREFIX));
    const news = [
      ...this.changed,
      ...[...this.#detected.keys()].filter((field) => this.isDetected(field)),
    ];
    const touchesOptions = news.some((field) => field.startsWith(PREFIX));
    return this.#body([...(touchesOptions ? options : []), ...news]);
  }

  #body(fields: readonly string[]): Record<string, unknown> {
    const body: Record<string, unknown> = {};
    const options: Record<string, unknown> = {};
    let hasOptions = false;
    for (const field of unique(fields)) {
      const value = this.get(field);
      if (field.startsWith(PREFIX)) {
        hasOptions = true;
        if (value !== null) options[field.slice(PREFIX.length)] = value;
      } else if (field === 'env') body.env = variables(value);
      else body[field] = value;
    }
    return hasOptions ? { ...body, options } : body;
  }

  #forget(field: string): void {
    this.#edits.delete(field);
    this.#seen.delete(field);
    this.#refused.delete(field);
  }
}
