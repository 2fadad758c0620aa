/** What was measured over a range: the history as REST has it, then each sample as it comes. */
import type { MetricsHistory, Sample } from '$lib/api/schema';

export interface Range {
  id: string;
  label: string;
  ms: number;
  /** How many steps the history is asked for. */
  points: number;
}
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** No step is shorter than the collector's ten seconds, none is of more than 600 in a range. */
export const ranges: readonly Range[] = [
  { id: '15m', label: '15 min', ms: 15 * MINUTE, points: 90 },
  { id: '1h', label: '1 h', ms: HOUR, points: 360 },
  { id: '6h', label: '6 h', ms: 6 * HOUR, points: 600 },
  { id: '24h', label: '24 h', ms: DAY, points: 600 },
  { id: '7d', label: '7 d', ms: 7 * DAY, points: 600 },
  { id: '30d', label: '30 d', ms: 30 * DAY, points: 600 },
];
export const rangeOf = (id: string | null): Range =>
  ranges.find((range) => range.id === id) ?? (ranges[1] as Range);

export type Values = Readonly<Record<string, number>>;
/** The average of a step; `n` samples are in it. */
export interface Bin {
  at_ms: number;
  n: number;
  values: Values;
}

/** What a sample measured, by the names that the history has for it. */
export function valuesOf(sample: Sample): Values {
  const found: Record<string, number> = {};
  const add = (prefix: string, from: object) => {
    for (const [name, value] of Object.entries(from))
      if (typeof value === 'number') found[prefix + name] = value;
  };
  add('', sample.readings);
  sample.gpus.forEach((gpu, i) => add(`gpu.${i}.`, gpu));
  for (const server of sample.servers) {
    add(`server.${server.profile_id}.`, server);
    add(`server.${server.profile_id}.`, server.engine);
  }
  return found;
}

export function binsOf(histories: readonly MetricsHistory[]): Bin[] {
  const bins = new Map<number, Record<string, number>>();
  for (const { at_ms, series } of histories)
    at_ms.forEach((at, i) => {
      const values = bins.get(at) ?? {};
      bins.set(at, values);
      for (const [name, column] of Object.entries(series)) {
        const value = column[i];
        if (typeof value === 'number') values[name] = value;
      }
    });
  return [...bins]
    .map(([at_ms, values]) => ({ at_ms, n: 1, values }))
    .toSorted((a, b) => a.at_ms - b.at_ms);
}

/** The bins with one more sample: in the last one's average while its step lasts. */
export function appended(
  bins: readonly Bin[],
  at_ms: number,
  values: Values,
  stepMs: number,
  spanMs: number,
): Bin[] {
  const last = bins.at(-1);
  if (last && at_ms <= last.at_ms) return [...bins];
  const kept = bins.filter((bin) => bin.at_ms >= at_ms - spanMs);
  if (!last || at_ms >= last.at_ms + stepMs) return [...kept, { at_ms, n: 1, values }];
  const mean: Record<string, number> = { ...last.values };
  for (const [name, value] of Object.entries(values)) {
    const before = last.values[name];
    mean[name] = before === undefined ? value : before + (value - before) / (last.n + 1);
  }
  return [...kept.slice(0, -1), { at_ms: last.at_ms, n: last.n + 1, values: mean }];
}

/** Unix times for a plot, with an empty moment in each gap, so that the line breaks there. */
export function timesOf(
  bins: readonly Bin[],
  stepMs: number,
): { at: number[]; from: (Bin | null)[] } {
  const longest = Math.max(2.5 * stepMs, 35_000);
  const at: number[] = [];
  const from: (Bin | null)[] = [];
  let before: number | null = null;
  for (const bin of bins) {
    if (before !== null && bin.at_ms - before > longest) {
      at.push(before + stepMs);
      from.push(null);
    }
    at.push(bin.at_ms);
    from.push(bin);
    before = bin.at_ms;
  }
  return { at, from };
}
