/** What Chart.svelte and its table count: where a key leads, how a point's time is written. */
import { clockTime } from './numbers';

export interface Series {
  label: string;
  unit: string;
  values: readonly (number | null)[];
}

const PAGE = 10;

/**
 * The point that a key leads to from point `from` of `n`; null: it leads nowhere. Where none is
 * chosen yet, an arrow begins at the newest.
 */
export function pointAfter(key: string, from: number | null, n: number): number | null {
  const at = from ?? n;
  const targets: Record<string, number> = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    PageDown: at - PAGE,
    PageUp: at + PAGE,
    Home: 0,
    End: n - 1,
  };
  const target = targets[key];
  if (target === undefined || n === 0) return null;
  return Math.min(n - 1, Math.max(0, target));
}

/** Which of ascending times is at `ms`, or is the last before it. */
export function indexAt(at: readonly number[], ms: number): number | null {
  if (at.length === 0) return null;
  return Math.max(
    0,
    at.findLastIndex((one) => one <= ms),
  );
}

/** Whether anything was measured at point `i`. */
export const isMeasured = (series: readonly Series[], i: number): boolean =>
  series.some(({ values }) => typeof values[i] === 'number');

const DAY_MS = 86_400_000;
/** The day stands before the time where the points are of more than one. */
export function pointTime(ms: number, at: readonly number[]): string {
  const first = at[0] ?? ms;
  const isOneDay =
    (at.at(-1) ?? ms) - first < DAY_MS &&
    new Date(first).getDate() === new Date(at.at(-1) ?? ms).getDate();
  if (isOneDay) return clockTime(ms);
  const day = new Date(ms).toLocaleDateString([], { day: 'numeric', month: 'short' });
  return `${day}, ${clockTime(ms)}`;
}
