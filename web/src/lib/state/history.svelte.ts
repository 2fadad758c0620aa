/** What was measured over a range of time: asked for once, then drawn on with each sample. */
import { read } from '$lib/state/rest';
import { Problem } from '$lib/api/problem';
import type { MetricsHistory } from '$lib/api/schema';
import { appended, binsOf, valuesOf, type Bin, type Range } from './points';
import { live } from './live.svelte';

const SERIES_MAX = 16; // in one question

export class History {
  #bins = $state.raw<readonly Bin[]>([]);
  #isLoaded = $state(false);
  #problem = $state.raw<Problem | null>(null);
  #range: Range;
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

  async load(series: readonly string[], signal: AbortSignal): Promise<void> {
    const to = Math.floor(Date.now() + live.skewMs);
    const { ms, points } = this.#range;
    const parts: (readonly string[])[] = [];
    for (let i = 0; i < series.length; i += SERIES_MAX) parts.push(series.slice(i, i + SERIES_MAX));
    try {
      const histories = await Promise.all(
        parts.map((part) =>
          read<MetricsHistory>(
            `/api/system/metrics/history?points=${points}&from=${to - ms}&to=${to}&series=${part.map(encodeURIComponent).join(',')}`,
            signal,
          ),
        ),
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
