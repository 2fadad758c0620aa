/** The servers, as the daemon tells them; starting and stopping is shown at once and taken back. */
import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import type { Server } from '$lib/api/schema';
import { Problem } from '$lib/api/problem';
import { live, type Live } from './live.svelte';
import { compareNames } from './names';

export type ServerState = Server['state'];
type Action = 'start' | 'stop' | 'restart';

const expected: Record<Action, ServerState> = {
  start: 'starting',
  stop: 'stopping',
  restart: 'stopping',
};
const troubled: readonly ServerState[] = ['failed', 'backoff', 'unhealthy'];
const busy: readonly ServerState[] = ['attaching', 'starting', 'loading', 'draining', 'stopping'];

/** Trouble first, then what moves, what runs, what rests. */
export function rank(state: ServerState): number {
  if (troubled.includes(state)) return 0;
  if (busy.includes(state)) return 1;
  return state === 'ready' ? 2 : 3;
}

export class Servers {
  #live: Live;
  #rows = new SvelteMap<string, Server>();
  #asked = new SvelteMap<string, ServerState>();
  /** Profiles that are no more; what still runs of one is told of until it has stopped. */
  readonly #deleted = new SvelteSet<string>();
  #isLoaded = $state(false);
  #problem = $state<Problem | null>(null);
  #isStarted = false;

  readonly #sorted = $derived(
    [...this.#rows.values()].sort(
      (a, b) => rank(a.state) - rank(b.state) || compareNames(a.profile_name, b.profile_name),
    ),
  );

  constructor(connection: Live = live) {
    this.#live = connection;
  }

  /** Begins to listen; again, it does nothing. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#live.on('servers:status', ({ server }) => {
      const isAtRest = ['stopped', 'failed'].includes(server.state);
      if (isAtRest && this.#deleted.has(server.profile_id)) this.#forget(server.profile_id);
      else this.#put(server);
    });
    this.#live.on('profiles:created', ({ profileId }) => {
      this.#deleted.delete(profileId);
      void this.#fetch(profileId);
    });
    this.#live.on('profiles:updated', ({ profileId }) => void this.#fetch(profileId));
    this.#live.on('profiles:deleted', ({ profileId }) => {
      this.#deleted.add(profileId);
      this.#forget(profileId);
    });
    this.#live.feed(() => void this.load());
  }

  get isLoaded(): boolean {
    return this.#isLoaded;
  }
  get problem(): Problem | null {
    return this.#problem;
  }
  /** In the order of attention. */
  get all(): readonly Server[] {
    return this.#sorted;
  }
  get(id: string): Server | undefined {
    return this.#rows.get(id);
  }
  get troubled(): readonly Server[] {
    return this.#sorted.filter((server) => rank(server.state) === 0);
  }
  get running(): readonly Server[] {
    return this.#sorted.filter((server) => server.running);
  }
  /** Those that run, or try to again. */
  get stoppable(): readonly Server[] {
    return this.#sorted.filter((server) => server.running || server.state === 'backoff');
  }
  /** What it is, or what it was just asked to become. */
  stateOf(server: Server): ServerState {
    return this.#asked.get(server.profile_id) ?? server.state;
  }

  /** `id`: of a profile or a library model, or its name. Rejects with why it was refused. */
  async change(action: Action, id: string): Promise<void> {
    // What only waits is not under way.
    if (!this.#live.isAway) this.#asked.set(id, expected[action]);
    try {
      await this.#live.request(`servers:${action}`, { id });
    } finally {
      this.#asked.delete(id);
    }
  }

  async load(): Promise<void> {
    try {
      const { servers } = await this.#live.request('servers:list');
      this.#rows.clear();
      for (const server of servers) this.#put(server);
      this.#problem = null;
      this.#isLoaded = true;
    } catch (error) {
      this.#problem = Problem.of(error);
    }
  }

  #forget(id: string): void {
    this.#rows.delete(id);
    this.#asked.delete(id);
  }

  #put(server: Server): void {
    this.#rows.set(server.profile_id, server);
    this.#asked.delete(server.profile_id);
  }

  /** A profile's server is told of only when its state changes. */
  async #fetch(id: string): Promise<void> {
    try {
      const { server } = await this.#live.request('servers:get', { id });
      this.#put(server);
    } catch (error) {
      if (Problem.of(error).code === 'not_found') this.#rows.delete(id);
    }
  }
}

export const servers = new Servers();
