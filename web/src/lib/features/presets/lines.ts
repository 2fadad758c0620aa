/** What the editor knows about the lines of a text. */
import type { Preset } from '$lib/api/schema';

export type LineProblem = Preset['problems'][number];

/** How many lines an editor shows: one more than there are line ends. */
export const countLines = (text: string): number => text.split('\n').length;

/** Where line `line` (from 1) begins and ends, in characters. */
export function rangeOf(text: string, line: number): [number, number] {
  let start = 0;
  for (let i = 1; i < line; i++) {
    const end = text.indexOf('\n', start);
    if (end < 0) break;
    start = end + 1;
  }
  const end = text.indexOf('\n', start);
  return [start, end < 0 ? text.length : end];
}

/** "1 problem", "3 problems". */
export const countProblems = (problems: readonly LineProblem[]): string =>
  `${problems.length} problem${problems.length === 1 ? '' : 's'}`;
