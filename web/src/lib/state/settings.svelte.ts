/** The daemon's settings, each with its value, where that comes from, and what it may be. */
import { send } from '$lib/state/rest';
import { Problem } from '$lib/api/problem';
import { live, type Live } from './live.svelte';

export type SettingValue = string | number | boolean | readonly string[] | null;
export interface Setting {
  value: SettingValue;
  origin: 'default' | 'database' | 'file' | 'environment' | 'flag';
  /** What holds it above what can be stored: a variable, a flag, a line of the file. */
  pinned_by: string | null;
  type: 'bool' | 'int' | 'text' | 'path' | 'choice' | 'list' | 'paths' | 'hours';
  min?: number;
  max?: number;
  choices?: readonly string[];
  needs_restart: boolean;
  is_editable: boolean;
  help: string;
}
export type SettingsMap = Readonly<Record<string, Setting>>;

export class SettingsState {
  #live: Live;
  #all = $state.raw<SettingsMap>({});
  #isLoaded = $state(false);
  #problem = $state.raw<Problem | null>(null);
  #isStarted = false;

  constructor(connection: Live = live) {
    this.#live = connection;
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#live.on('settings:updated', ({ settings }) => this.#take(settings));
    this.#live.feed(() => void this.load());
  }

  get all(): SettingsMap {
    return this.#all;
  }
  get isLoaded(): boolean {
    return this.#isLoaded;
  }
  get problem(): Problem | null {
    return this.#problem;
  }

  async load(): Promise<void> {
    try {
      this.#take((await this.#live.request('settings:get')).settings);
    } catch (error) {
      this.#problem = Problem.of(error);
    }
  }

  /** All of them or none; null: back to the default. Rejects with a problem that names the keys. */
  async save(changes: Readonly<Record<string, SettingValue>>): Promise<void> {
    this.#take(await send<Record<string, unknown>>('PUT', '/api/settings', changes));
  }

  #take(settings: Record<string, unknown>): void {
    this.#all = settings as unknown as SettingsMap;
    this.#problem = null;
    this.#isLoaded = true;
  }
}

export const settings = new SettingsState();
