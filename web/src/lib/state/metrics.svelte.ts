/** What machine and engines use: the newest sample, and a short past for sparklines. */
import type { Metrics } from '$lib/api/events';
import type { MetricsHistory, Sample } from '$lib/api/schema';
import { read } from '$lib/state/rest';
import { live, type Live } from './live.svelte';

export type Reading = keyof Sample['readings'];
export interface Point {
  at_ms: number;
  readings: Partial<Record<Reading, number | null>>;
}

const PAST: readonly Reading[] = [
  'cpu_percent',
  'memory_used_bytes',
  'requests_per_s',
  'prompt_tokens_per_s',
  'completion_tokens_per_s',
];
const PAST_MS = 60 * 60 * 1000;
const POINTS_MAX = 400;

export class MetricsState {
  #live: Live;
  #newest = $state.raw<Metrics | null>(null);
  #past = $state.raw<readonly Point[]>([]);
  #isStarted = false;
  #isSilent = $state(false);

  constructor(connection: Live = live) {
    this.#live = connection;
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#live.on('metrics:update', ({ metrics }) => this.#take(metrics));
    this.#live.feed(() => void this.load());
  }

  get newest(): Metrics | null {
    return this.#newest;
  }
  /** Asked, and nothing has been measured so far. */
  get isSilent(): boolean {
    return this.#isSilent && this.#newest === null;
  }
  get sample(): Sample | null {
    return this.#newest?.sample ?? null;
  }
  /** Of the last hour, oldest first. */
  get past(): readonly Point[] {
    return this.#past;
  }
  series(reading: Reading): (number | null)[] {
    return this.#past.map((point) => point.readings[reading] ?? null);
  }
  /** What the engine of a profile used, while it has a process. */
  server(profileId: string): Sample['servers'][number] | undefined {
    return this.sample?.servers.find((row) => row.profile_id === profileId);
  }

  async load(): Promise<void> {
    try {
      const { metrics } = await this.#live.request('metrics:get');
      if (metrics) this.#newest = metrics;
      this.#isSilent = !metrics;
      const from = Date.now() + this.#live.skewMs - PAST_MS;
      const history = await read<MetricsHistory>(
        `/api/system/metrics/history?points=120&from=${Math.floor(from)}&series=${PAST.join(',')}`,
      );
      this.#past = history.at_ms.map((at_ms, i) => ({
        at_ms,
        readings: Object.fromEntries(
          PAST.map((name) => [name, (history.series[name]?.[i] as number | null) ?? null]),
        ),
      }));
    } catch {
      // Where nothing is measured there is nothing to show: the tiles say so.
    }
  }

  #take(metrics: Metrics): void {
    this.#newest = metrics;
    const { at_ms, readings } = metrics.sample;
    const last = this.#past.at(-1);
    if (last && last.at_ms >= at_ms) return;
    this.#past = [...this.#past, { at_ms, readings }]
      .filter((point) => point.at_ms >= at_ms - PAST_MS)
      .slice(-POINTS_MAX);
  }
}

export const metrics = new MetricsState();
