/** What is done to the library, and how far a scan of its folders is; its rows are in `models`. */
import type { Broadcasts } from '$lib/api/events';
import { call } from '$lib/api/http';
import { read, send } from '$lib/state/rest';
import { Problem } from '$lib/api/problem';
import type { Model } from '$lib/api/schema';
import { Collection } from './collection.svelte';
import { live, type Live } from './live.svelte';
import { models } from './models.svelte';

export type Category = Model['category'];

/** What a delete touches, or would. */
export interface Removal {
  is_deleted: boolean;
  files: string[];
  size_bytes: number;
}
export interface Moved {
  old_path: string;
  new_path: string;
  /** Further names of the file that are where they were. */
  left_names: string[];
  message: string;
}
export interface BulkMoved {
  moved_count: number;
  failed_count: number;
  details: { id: string; status: string; error?: string; left_names?: string[] }[];
}
interface Scan {
  is_running: boolean;
  n_models: number;
  n_read: number;
  n_errors: number;
  /** 0: never. */
  finished_at_ms: number;
}

const BULK_MAX = 1000;
const at = (id: string) => `/api/models/${encodeURIComponent(id)}`;

/**
 * Models that are larger than all memory of the machine, by a glance: those are few, so that the
 * rest fits. Empty and not loaded where the machine's memory is not known.
 */
export const tooLarge = new Collection<Model>({
  idOf: (model) => model.id,
  list: () => read<Model[]>('/api/models?fits=0'),
  listen(connection, rows) {
    connection.on('models:list', () => void rows.load());
    connection.on('models:scanned', () => void rows.load());
  },
});

export class Library {
  #live: Live;
  #scan = $state.raw<Scan | null>(null);
  #problem = $state.raw<Problem | null>(null);
  #isStarted = false;
  /** Rises with each event: an answer that was overtaken by one is old. */
  #nTold = 0;

  constructor(connection: Live = live) {
    this.#live = connection;
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#live.on('models:scanning', (told) => (this.#scan = this.#progress(told, true)));
    this.#live.on('models:scanned', (told) => (this.#scan = this.#progress(told, false)));
    this.#live.feed(() => void this.#look());
  }

  /** The scan that runs, or the last one. */
  get scan(): Scan | null {
    return this.#scan;
  }
  /** Why the last scan that was asked for did not begin. */
  get scanProblem(): Problem | null {
    return this.#problem;
  }

  async rescan(): Promise<void> {
    try {
      await this.#ask('POST', '/api/models/scan?wait=0');
      this.#problem = null;
    } catch (error) {
      this.#problem = Problem.of(error);
    }
  }

  /** Shown at once, and taken back where it is refused: then it rejects with why. */
  async favour(model: Model): Promise<void> {
    models.put({ ...model, is_favourite: !model.is_favourite });
    try {
      await this.say(model.id, { is_favourite: !model.is_favourite });
    } catch (error) {
      const now = models.get(model.id);
      if (now) models.put({ ...now, is_favourite: model.is_favourite });
      throw error;
    }
  }

  async say(
    id: string,
    what: { is_favourite?: boolean; tags?: string[]; civitai_url?: string },
  ): Promise<Model> {
    const model = await send<Model>('PUT', at(id), what);
    models.put(model);
    return model;
  }

  show(id: string, signal?: AbortSignal): Promise<Model> {
    return read<Model>(at(id), signal);
  }

  /** `location`: the id of one place, or all; needed where there are several. */
  remove(
    id: string,
    location: string | null,
    isDry: boolean,
    signal?: AbortSignal,
  ): Promise<Removal> {
    const query = [
      ...(isDry ? ['dry_run=1'] : []),
      ...(location === null ? [] : [`location=${encodeURIComponent(location)}`]),
    ].join('&');
    return send<Removal>('DELETE', `${at(id)}?${query}`, undefined, signal);
  }

  move(
    id: string,
    category: Category,
    location: string | null,
    signal?: AbortSignal,
  ): Promise<Moved> {
    const body = location === null ? { category } : { category, location };
    return send<Moved>('POST', `${at(id)}/move`, body, signal);
  }

  /** Any number of them; the daemon takes so many at once. */
  async moveAll(ids: readonly string[], category: Category): Promise<BulkMoved> {
    const sum: BulkMoved = { moved_count: 0, failed_count: 0, details: [] };
    for (let from = 0; from < ids.length; from += BULK_MAX) {
      const one = await send<BulkMoved>('POST', '/api/models/bulk-move', {
        model_ids: ids.slice(from, from + BULK_MAX),
        category,
      });
      sum.moved_count += one.moved_count;
      sum.failed_count += one.failed_count;
      sum.details.push(...one.details);
    }
    return sum;
  }

  #progress(told: Broadcasts['models:scanned'], isRunning: boolean): Scan {
    this.#nTold += 1;
    return {
      is_running: isRunning,
      n_models: told.total,
      n_read: told.updated,
      n_errors: told.errors,
      finished_at_ms: isRunning
        ? (this.#scan?.finished_at_ms ?? 0)
        : Date.now() + this.#live.skewMs,
    };
  }

  async #ask(method: 'GET' | 'POST', path: string): Promise<void> {
    const before = this.#nTold;
    const scan = await call<Scan>(method, path);
    if (before === this.#nTold) this.#scan = scan;
  }

  async #look(): Promise<void> {
    try {
      await this.#ask('GET', '/api/models/scan');
    } catch {
      // The page says what it can without it.
    }
  }
}

export const library = new Library();
