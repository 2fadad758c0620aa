/** Which requests are wanted: what stands in the address, what REST is asked, what comes live. */
import type { Activity } from '$lib/api/schema';

export type Outcome = Activity['outcome'];
export const outcomes: readonly { value: Outcome | ''; label: string }[] = [
  { value: '', label: 'any end' },
  { value: 'completed', label: 'completed' },
  { value: 'failed', label: 'failed' },
  { value: 'cancelled', label: 'cancelled' },
  { value: 'client_gone', label: 'client left' },
];

export interface Wanted {
  /** A part of model, path, client, caller or error, whatever its case. */
  words: string;
  model: string;
  outcome: Outcome | '';
}

export function wantedOf(query: URLSearchParams): Wanted {
  const outcome = outcomes.find(({ value }) => value === query.get('outcome'));
  return {
    words: query.get('q') ?? '',
    model: query.get('model') ?? '',
    outcome: outcome?.value ?? '',
  };
}

/** As REST reads it, and as it stands in the address. */
export function queryOf({ words, model, outcome }: Wanted): string {
  const all = { q: words.trim(), model, outcome };
  return new URLSearchParams(Object.entries(all).filter(([, value]) => value !== '')).toString();
}

export const isFiltered = (wanted: Wanted): boolean => queryOf(wanted) !== '';

export function isWanted(row: Activity, { words, model, outcome }: Wanted): boolean {
  const text = [row.model, row.path, row.client, row.caller, row.error]
    .map((part) => part ?? '')
    .join('\n')
    .toLowerCase();
  return (
    (model === '' || row.model === model) &&
    (outcome === '' || row.outcome === outcome) &&
    text.includes(words.trim().toLowerCase())
  );
}

/** Whether no row can be missing between a fresh page and those that are there. */
export const touches = (page: readonly Activity[], rows: readonly Activity[]): boolean => {
  const newest = rows[0]?.id;
  return newest === undefined || page.some(({ id }) => id <= newest);
};

/** Newest first, each once, at most `kept`. */
export function merged(
  news: readonly Activity[],
  rows: readonly Activity[],
  kept: number,
): Activity[] {
  const known = new Set(rows.map(({ id }) => id));
  const fresh = news.filter(({ id }) => !known.has(id));
  return [...fresh, ...rows].toSorted((a, b) => b.id - a.id).slice(0, kept);
}
