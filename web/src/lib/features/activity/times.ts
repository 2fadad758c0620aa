/** Where the time of a request went. */
import type { Activity, ActiveRequest } from '$lib/api/schema';
import type { Figure } from '$lib/ui/numbers';
import { duration, UNKNOWN } from '$lib/ui/numbers';
import type { State } from '$lib/ui/states';

export interface Parts {
  /** In the queue and for the load. */
  waiting: number;
  /** From then to the first token of a stream. */
  first: number;
  /** From then to the end. */
  answer: number;
}

export function partsOf(row: Activity): Parts {
  const waiting = Math.min(row.duration_ms, (row.queue_ms ?? 0) + (row.load_ms ?? 0));
  const until = Math.max(waiting, Math.min(row.duration_ms, row.first_token_ms ?? waiting));
  return { waiting, first: until - waiting, answer: row.duration_ms - until };
}

/** "840 ms", "4.21 s", "2 min 3 s". */
export function time(ms: number | null | undefined): Figure {
  if (ms === null || ms === undefined) return { figure: UNKNOWN, unit: '' };
  if (ms < 1000) return { figure: String(Math.round(ms)), unit: 'ms' };
  if (ms < 60_000) return { figure: (ms / 1000).toFixed(ms < 10_000 ? 2 : 1), unit: 's' };
  return { figure: duration(ms / 1000), unit: '' };
}

export const timeText = (ms: number | null | undefined): string => {
  const { figure, unit } = time(ms);
  return unit ? `${figure} ${unit}` : figure;
};

const words: Record<ActiveRequest['phase'], string> = {
  receiving: 'its body is still coming',
  queued: 'for a place at its model',
  loading: 'for the model to load',
  working: 'the engine has it',
  answering: 'the answer comes',
  finishing: 'nobody listens; the engine finishes',
};

/** What it waits for, in words. */
export const phaseText = ({ phase }: ActiveRequest): string => words[phase];

/** The chip of a row that has ended. */
export function faceOf(row: Activity): { state: State; word: string; isPlain: boolean } {
  if (row.outcome === 'client_gone') return { state: 'left', word: 'Left', isPlain: false };
  if (row.outcome === 'cancelled') return { state: 'cancelled', word: 'Cancelled', isPlain: false };
  const word = row.status === null ? 'Failed' : String(row.status);
  return row.outcome === 'completed'
    ? { state: 'completed', word, isPlain: true }
    : { state: 'failed', word, isPlain: false };
}
