/** A model's numbers as words. */
import type { Model } from '$lib/api/schema';
import { UNKNOWN } from '$lib/ui/numbers';

/** "30.5 B", "137 M": parameters; 0 is not known. */
export function parameters(n: number): string {
  if (n <= 0) return UNKNOWN;
  for (const [size, unit] of [
    [1e12, 'T'],
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'K'],
  ] as const)
    if (n >= size) return `${(n / size).toFixed(n / size < 100 ? 1 : 0)} ${unit}`;
  return String(n);
}

/** "128 K" of 131072 tokens; 0 is not known. */
export function tokens(n: number): string {
  if (n <= 0) return UNKNOWN;
  if (n < 1024) return String(n);
  if (n < 1024 * 1024) return `${+(n / 1024).toFixed(1)} K`;
  return `${+(n / 1024 / 1024).toFixed(1)} M`;
}

/** "12 Nov 2026": a day, as lists have it. */
export function day(ms: number): string {
  if (ms <= 0) return UNKNOWN;
  return new Date(ms).toLocaleDateString(undefined, {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
  });
}

/** Text of a text with tags, from outside: nothing of it is run or loaded. */
export const plain = (html: string): string =>
  (new DOMParser().parseFromString(html, 'text/html').body.textContent ?? '').trim();

export const archive = (category: Model['category']): Model['category'] =>
  category === 'archive' ? 'active' : 'archive';
export const moveWord = (to: Model['category']): string =>
  to === 'archive' ? 'Move to archive' : 'Move to active';

/** Whether the daemon can tell the memory that it needs. */
export const hasFit = ({ error, format, kind }: Model): boolean =>
  error === '' &&
  (format === 'gguf' || (format !== 'pickle' && (kind === 'llm' || kind === 'embedding')));
