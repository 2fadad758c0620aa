/** What stands behind the form: the draft, the rows of its engine, what may be saved and why not. */
import { untrack } from 'svelte';
import { read, send } from '$lib/state/rest';
import { Problem } from '$lib/api/problem';
import type { Model, Profile } from '$lib/api/schema';
import { engines, manifestOf } from '$lib/state/engines.svelte';
import { models } from '$lib/state/models.svelte';
import { profiles } from '$lib/state/profiles.svelte';
import { servers } from '$lib/state/servers.svelte';
import { session } from '$lib/state/session.svelte';
import { sentence } from '$lib/ui/numbers';
import { checkNumber, type OptionValue } from '$lib/ui/option';
import { MASK } from './command';
import { asksHub, askHub, factsOf, freeName, hubName, type Detected } from './detect';
import { Draft, flatten, same, type Fields } from './draft.svelte';
import { nameOf, rowsOf, type Row } from './rows';

const AFTER_TYPING_MS = 500;
/** Fields with places of their own; the others have a row. */
const placed = [
  'name',
  'engine',
  'model_path',
  'aliases',
  'port',
  'command',
  'ttl_s',
  'restart_policy',
];

const isMasked = (value: unknown): boolean =>
  Array.isArray(value) ? value.some((one) => String(one).endsWith(`=${MASK}`)) : value === MASK;

export class Editor {
  readonly draft: Draft;
  readonly #given: () => Profile | null;
  readonly #isGone: () => boolean;
  readonly #isLeaving: () => boolean;
  readonly #modelId: string | null;
  /** What saving made; the form goes on with it. */
  #made = $state.raw<Profile | null>(null);
  #failure = $state.raw<Problem | null>(null);
  #isSaving = $state(false);
  #isSaved = $state(false);
  #defaults = $state.raw<Fields | null>(null);
  #hub = $state.raw<Detected | null>(null);
  #port = $state<number | null>(null);

  /**
   * `profile`: as the server has it now; null: it is being made, with the model `modelId`.
   * `isGone`: it is as the server had it last, and there no more. `isLeaving`: nobody is to be told.
   */
  constructor(
    profile: () => Profile | null,
    modelId: string | null = null,
    isGone: () => boolean = () => false,
    isLeaving: () => boolean = () => false,
  ) {
    this.#given = profile;
    this.#isGone = isGone;
    this.#isLeaving = isLeaving;
    this.#modelId = modelId;
    this.draft = new Draft(() => this.#stored);
  }

  // ---- what there is ----

  readonly #stored = $derived.by((): Fields => {
    const { profile } = this;
    return profile ? flatten({ ...profile }) : {};
  });

  get profile(): Profile | null {
    const made = this.#made;
    return made === null ? this.#given() : (profiles.get(made.id) ?? made);
  }
  /** Saving made it, from this form. */
  get isMade(): boolean {
    return this.#made !== null;
  }
  /** Deleted elsewhere while it was being changed here: saving makes it anew. */
  get isGone(): boolean {
    if (this.#isLeaving()) return false;
    return this.#made === null ? this.#isGone() : profiles.get(this.#made.id) === undefined;
  }
  get name(): string {
    return this.profile?.name ?? '';
  }
  /** What a library model is launched with; saving makes it a profile of its own. */
  get isOfLibrary(): boolean {
    return this.profile?.source === 'library';
  }
  get isOfFile(): boolean {
    return this.profile?.source === 'file';
  }
  readonly server = $derived.by(() => {
    const { profile } = this;
    return profile && !this.isGone ? servers.get(profile.id) : undefined;
  });
  readonly engine = $derived.by(() => {
    const wanted = this.draft.get('engine') ?? this.#defaults?.engine;
    return typeof wanted === 'string' ? engines.get(wanted) : undefined;
  });
  readonly manifest = $derived(this.engine && manifestOf(this.engine));
  readonly models: readonly Model[] = $derived(models.all.filter((one) => one.error === ''));
  readonly model = $derived.by(() => {
    const path = this.draft.text('model_path');
    return models.all.find((one) => one.path === path || one.name === path);
  });
  readonly rows = $derived.by(() => rowsOf(this.manifest, this.draft.fields));
  get engineName(): string {
    return this.engine?.name ?? this.draft.text('engine');
  }
  /** The profile itself names the program. */
  get isCommand(): boolean {
    return this.manifest?.binaries.length === 0;
  }
  /** What holds where nothing is said; null: not known. */
  get defaults(): Fields | null {
    return this.#defaults;
  }
  get failure(): Problem | null {
    return this.#failure;
  }
  get isSaving(): boolean {
    return this.#isSaving;
  }
  get isSaved(): boolean {
    return this.#isSaved;
  }
  get family(): string | null {
    return this.#hub?.family ?? null;
  }
  get trouble(): Detected['trouble'] {
    return this.#hub?.trouble ?? null;
  }

  // ---- what may be changed ----

  get cannotChange(): string | undefined {
    const { who } = session;
    if (who && who.scope !== null && who.scope !== 'admin')
      return `A key of scope ${who.scope} changes nothing: sign in with an admin key.`;
    if (this.isOfFile) return 'Declared in the configuration file: it is changed there.';
    return undefined;
  }
  get cannotExecute(): string | undefined {
    if (session.mayExecute) return undefined;
    return 'Decides what is executed: sign in with an admin key or a one-time link.';
  }
  locked = (row: Row): string | undefined =>
    this.cannotChange ?? (row.executes ? this.cannotExecute : undefined);

  fallback = (row: Row): string | undefined => {
    if (row.field.startsWith('options.')) return row.fallback;
    const value = this.#defaults?.[row.field] ?? null;
    return value === null ? undefined : String(value);
  };
  isChanged = (row: Row): boolean => {
    const value = this.draft.get(row.field);
    if (value === null) return false;
    if (row.field.startsWith('options.')) return String(value) !== row.fallback;
    const defaults = this.#defaults;
    return defaults === null
      ? this.draft.changed.includes(row.field)
      : !same(value, defaults[row.field]);
  };
  wrong = (row: Row): string | undefined => {
    const refusal = this.draft.refusal(row.field);
    if (refusal !== undefined) return sentence(refusal);
    const value = this.draft.get(row.field) as OptionValue;
    if (this.isGone && isMasked(value))
      return 'It was kept secret, and went with the server: it is written anew, or taken away.';
    if (row.field === 'env' && Array.isArray(value)) {
      const isGood = value.every((one: string) => one.indexOf('=') > 0);
      return isGood ? undefined : 'Each is NAME=value.';
    }
    return row.type === 'number' ? (checkNumber(value, row) ?? undefined) : undefined;
  };
  /** The option that the installed engine refused at the last start, while it is set. */
  readonly lacking = $derived.by(() => {
    const error = this.server?.error;
    const field = error?.field ?? '';
    if (error?.code !== 'unknown_option' || this.draft.get(field) === null) return null;
    return { field, message: error.message };
  });
  /** What the engine does not have, by its manifest, or as its last start found. */
  unsupported = (row: Row): string | undefined => {
    if (row.group === 'other')
      return (
        this.engine &&
        `Hearth knows no such option of ${this.engineName}. It can only be taken away.`
      );
    const error = this.server?.error;
    if (error?.code === 'unknown_option' && error.field === row.field)
      return `${sentence(error.message)}.`;
    const { binary } = this.engine ?? {};
    if (binary?.lacks?.includes(row.field.slice('options.'.length)) && row.flag)
      return `The installed ${this.engineName} ${binary.version ?? '(unknown version)'} has no ${row.flag}.`;
    return undefined;
  };

  /** A problem, with the field that it is about where the message does not say. */
  told(field: string, message: string): string {
    const isOfField = field !== '' && field !== 'engine';
    return isOfField ? `${this.titleOf(field)}: ${message}.` : sentence(message);
  }

  titleOf(field: string): string {
    const row = this.rows.find((one) => one.field === field);
    return row?.name ?? nameOf(field.replace('options.', ''));
  }

  // ---- the command ----

  /** Who may not change a server is not told what it would be started with. */
  get mayPreview(): boolean {
    const { who } = session;
    return !who || who.scope === null || who.scope === 'admin';
  }
  /** What the form says, for the server to build a command from. */
  get body(): Fields {
    const { profile, draft } = this;
    const isAnew = profile === null || this.isGone;
    return isAnew ? draft.whole() : { id: profile.id, ...draft.patch() };
  }

  // ---- saving ----

  /** Changed here and elsewhere: their names. */
  readonly conflicts = $derived.by(() =>
    this.isGone ? [] : this.draft.conflicts.map((field) => this.titleOf(field)),
  );
  /** Refused, and shown nowhere else. */
  readonly homeless = $derived.by(() =>
    this.draft.refusedBut([...placed, ...this.rows.map((row) => row.field)]),
  );
  readonly #nWrong = $derived.by(
    () => this.rows.filter((row) => !this.unsupported(row) && this.wrong(row)).length,
  );
  readonly cannotSave = $derived.by((): string | false => {
    if (this.cannotChange) return this.cannotChange;
    if (this.#isSaving) return 'It is being saved';
    if (this.conflicts.length > 0) return 'Say first which values hold';
    const n = this.#nWrong;
    if (n > 0) return `${n} value${n === 1 ? '' : 's'} to put right first`;
    return this.isStored && !this.draft.isDirty && 'Nothing was changed';
  });
  readonly cannotStart = $derived.by((): string | false => {
    if (this.isStored && !this.draft.isDirty) return this.#isSaving && 'It is being saved';
    return this.cannotSave;
  });
  /** There is a record that is changed. */
  get isStored(): boolean {
    return this.profile !== null && !this.isOfLibrary && !this.isGone;
  }

  /** Resolves to the stored profile, or to null with `failure` and what each field is refused for. */
  async save(): Promise<Profile | null> {
    const { profile, draft, isStored } = this;
    if (profile !== null && isStored && !draft.isDirty) return profile;
    this.#isSaving = true;
    this.#isSaved = false;
    this.#failure = null;
    const sent = draft.snapshot();
    try {
      const saved = await this.#store(profile);
      // Changed, and deleted before that was answered: what is here is saved nowhere.
      if (isStored && this.isGone) return null;
      profiles.put(saved);
      if (!isStored) this.#made = saved;
      draft.settle(sent);
      if (!isStored) draft.keepMine(); // others had no part in it
      this.#isSaved = true;
      return saved;
    } catch (error) {
      const failure = Problem.of(error);
      if (profile !== null && isStored && failure.code === 'not_found') {
        profiles.delete(profile.id); // that is told by `isGone`
        return null;
      }
      this.#failure = failure;
      draft.refuse(this.#failure.details);
      return null;
    } finally {
      this.#isSaving = false;
    }
  }

  #store(profile: Profile | null): Promise<Profile> {
    if (profile === null || this.isGone) return send('POST', '/api/profiles', this.draft.whole());
    const id = encodeURIComponent(profile.id);
    const path = this.isOfLibrary ? `/api/models/${id}/profile` : `/api/profiles/${id}`;
    return send('PUT', path, this.draft.patch());
  }

  undo(): void {
    this.draft.undo();
    this.#failure = null;
  }

  // ---- what is found out; called while a component is made ----

  watch(): void {
    for (const store of [models, engines, profiles]) store.start();
    $effect(() => this.#detect());
    $effect(() => this.#askHub());
    read<Profile>('/api/profiles/defaults').then(
      (answer) => (this.#defaults = flatten({ ...answer })),
      () => {}, // then the rows do not tell their defaults
    );
    if (untrack(() => this.profile) !== null) return;
    read<{ port: number }>('/api/profiles/next-port').then(
      ({ port }) => (this.#port = port),
      () => {}, // none is free: saving says so
    );
  }

  readonly #isModelNew = $derived.by(
    () => this.profile === null || this.draft.changed.includes('model_path'),
  );

  /** Fills what was not touched. */
  #detect(): void {
    const { model, manifest } = this;
    const facts: Record<string, unknown> = {};
    if (this.profile === null) {
      const wanted = this.#modelId === null ? undefined : models.get(this.#modelId);
      if (wanted) facts.model_path = wanted.path;
      if (this.#port !== null) facts.port = this.#port;
      const taken = profiles.all.flatMap((one) => [one.name, ...one.aliases]);
      if (model) facts.name = freeName(model.name, taken);
    }
    if (this.#isModelNew && manifest) {
      if (model) Object.assign(facts, factsOf(model, manifest));
      Object.assign(facts, this.#hub?.fields);
    }
    untrack(() => this.draft.detect(facts));
  }

  readonly #hubName = $derived.by(() =>
    this.#isModelNew && this.manifest && asksHub(this.manifest)
      ? hubName(this.draft.text('model_path'), this.model)
      : null,
  );

  #askHub(): (() => void) | undefined {
    const { manifest } = this;
    const name = this.#hubName;
    if (name === null || !manifest) {
      this.#hub = null;
      return undefined;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => {
      askHub(name, manifest, abort.signal).then(
        (found) => (this.#hub = found),
        () => {
          if (!abort.signal.aborted) this.#hub = null; // a help, not a need
        },
      );
    }, AFTER_TYPING_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }
}
