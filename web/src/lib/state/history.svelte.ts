/** What was measured over a range of time: asked for once, then drawn on with each sample. */
import { SvelteMap } from 'svelte/reactivity';
import { Problem } from '$lib/api/problem';
import type { MetricsHistory } from '$lib/api/schema';
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
  readonly #ran = new SvelteMap<string, string | null>();
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

  /** The profiles whose engines are known to have run within the range, with the names they had. */
  get ran(): ReadonlyMap<string, string | null> {
    return this.#ran;
  }

  /** Finds out who has run within the range, deleted ones too. */
  async seek(signal: AbortSignal): Promise<void> {
    const to = Math.floor(Date.now() + live.skewMs);
    try {
      const found = await read<{ profile_id: string; profile_name: string | null }[]>(
        `/api/system/metrics/servers?from=${to - this.#range.ms}&to=${to}`,
        signal,
      );
      for (const { profile_id: id, profile_name: name } of found)
        this.#ran.set(id, name ?? this.#ran.get(id) ?? null);
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
      for (const { profile_id: id, profile_name: name } of sample.servers) this.#ran.set(id, name);
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
