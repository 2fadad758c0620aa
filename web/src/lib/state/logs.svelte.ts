/** Hearth's own log: what came last, oldest first. Started by who shows it. */
import type { LogLine } from '$lib/api/events';
import { Problem } from '$lib/api/problem';
import { live, type Live } from './live.svelte';

const KEPT = 2000;

export class Logs {
  #live: Live;
  #lines = $state.raw<readonly LogLine[]>([]);
  #isLoaded = $state(false);
  #problem = $state<Problem | null>(null);
  #isStarted = false;

  constructor(connection: Live = live) {
    this.#live = connection;
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#live.on('logs:entry', ({ entry }) => {
      this.#lines = [...this.#lines, entry].slice(-KEPT);
    });
    this.#live.feed(() => void this.load());
  }

  get lines(): readonly LogLine[] {
    return this.#lines;
  }
  get isLoaded(): boolean {
    return this.#isLoaded;
  }
  get problem(): Problem | null {
    return this.#problem;
  }

  async load(): Promise<void> {
    try {
      const { logs } = await this.#live.request('logs:get', { limit: 1000 });
      this.#lines = [...logs].reverse();
      this.#problem = null;
      this.#isLoaded = true;
    } catch (error) {
      this.#problem = Problem.of(error);
    }
  }
}

export const logs = new Logs();
