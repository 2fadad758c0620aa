/** What was measured over a range of time: asked for once, then drawn on with each sample. */
import { SvelteSet } from 'svelte/reactivity';
import { Problem } from '$lib/api/problem';
import type { MetricsHistory, Sample } from '$lib/api/schema';
import { appended, binsOf, valuesOf, type Bin, type Range } from './points';
import { live } from './live.svelte';
import { read } from './rest';

const SERIES_MAX = 16; // in one question

const parted = (series: readonly string[]): (readonly string[])[] =>
  Array.from({ length: Math.ceil(series.length / SERIES_MAX) }, (_, i) =>
    series.slice(i * SERIES_MAX, (i + 1) * SERIES_MAX),
  );

const ask = (
  series: readonly string[],
  from: number,
  to: number,
  points: number,
  signal: AbortSignal,
) =>
  read<MetricsHistory>(
    `/api/system/metrics/history?points=${points}&from=${from}&to=${to}&series=${series.map(encodeURIComponent).join(',')}`,
    signal,
  );

export class History {
  #bins = $state.raw<readonly Bin[]>([]);
  #isLoaded = $state(false);
  #problem = $state.raw<Problem | null>(null);
  #range: Range;
  readonly #seen = new SvelteSet<string>();
  #stepMs = $state(10_000);

  constructor(range: Range) {
    this.#range = range;
  }

  get bins(): readonly Bin[] {
    return this.#bins;
  }
  get isLoaded(): boolean {
    return this.#isLoaded;
  }
  get problem(): Problem | null {
    return this.#problem;
  }
  get stepMs(): number {
    return this.#stepMs;
  }

  /** The profiles whose engines are known to have run within the range. */
  get serversSeen(): ReadonlySet<string> {
    return this.#seen;
  }

  /** Finds out which of the profiles have run within the range, besides those that do now. */
  async seek(
    profileIds: readonly string[],
    running: Sample['servers'],
    signal: AbortSignal,
  ): Promise<void> {
    for (const { profile_id } of running) this.#seen.add(profile_id);
    const names = profileIds
      .filter((id) => !this.#seen.has(id))
      .map((id) => `server.${id}.cpu_percent`);
    const to = Math.floor(Date.now() + live.skewMs);
    try {
      const found = await Promise.all(
        parted(names).map((part) => ask(part, to - this.#range.ms, to, 1, signal)),
      );
      for (const { series } of found)
        for (const [name, values] of Object.entries(series))
          if (values.some((value) => value !== null))
            this.#seen.add(name.slice('server.'.length, -'.cpu_percent'.length));
    } catch {
      // What cannot be had here cannot be had by load() either, which tells why.
    }
  }

  async load(series: readonly string[], signal: AbortSignal): Promise<void> {
    const to = Math.floor(Date.now() + live.skewMs);
    const { ms, points } = this.#range;
    try {
      const histories = await Promise.all(
        parted(series).map((part) => ask(part, to - ms, to, points, signal)),
      );
      this.#stepMs = Math.max(ms / points, ...histories.map(({ step_ms }) => step_ms));
      this.#bins = binsOf(histories);
      this.#problem = null;
      this.#isLoaded = true;
    } catch (error) {
      if (!signal.aborted) this.#problem = Problem.of(error);
    }
  }

  /** Draws on with what comes; returns how to stop that. */
  follow(): () => void {
    return live.on('metrics:update', ({ metrics: { sample } }) => {
      for (const { profile_id } of sample.servers) this.#seen.add(profile_id);
      if (!this.#isLoaded) return;
      this.#bins = appended(
        this.#bins,
        sample.at_ms,
        valuesOf(sample),
        this.#stepMs,
        this.#range.ms,
      );
    });
  }
}
