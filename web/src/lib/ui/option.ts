/** What an option row may hold, and what is wrong with it before the server is asked. */
import { count } from './numbers';

/** null: not set, so the default holds. A number that cannot be read stays the text it is. */
export type OptionValue = string | number | boolean | readonly string[] | null;
export type OptionType = 'text' | 'number' | 'switch' | 'choice' | 'list';

export interface Bounds {
  min?: number | undefined;
  max?: number | undefined;
  /** No fraction. */
  isWhole?: boolean | undefined;
  /** Words that stand in the place of a number: "auto". */
  words?: readonly string[] | undefined;
}

/** What was typed: nothing is not set, a number is one, anything else stays text. */
export function readNumber(text: string): string | number | null {
  const plain = text.replace(/[\s\u2009\u202f]/g, '');
  if (plain === '') return null;
  const value = Number(plain);
  return Number.isFinite(value) ? value : text.trim();
}

/** "16 384" at rest; what is not a whole number stays as it was typed. */
export function showNumber(value: OptionValue, isPlain = false): string {
  if (value === null) return '';
  if (typeof value !== 'number') return String(value);
  if (isPlain || !Number.isInteger(value)) return String(value);
  return value < 0 ? `-${count(-value)}` : count(value);
}

/** Why the value cannot be, in one short sentence; null: it can. */
export function checkNumber(value: OptionValue, bounds: Bounds): string | null {
  const { min, max, isWhole = false, words = [] } = bounds;
  if (value === null) return null;
  if (typeof value !== 'number') {
    if (words.includes(String(value))) return null;
    const kind = isWhole ? 'a whole number' : 'a number';
    return `Not ${kind}${words.length ? `, nor ${words.join(' or ')}` : ''}.`;
  }
  if (isWhole && !Number.isInteger(value)) return 'Not a whole number.';
  if (max !== undefined && value > max) return `At most ${showNumber(max)}.`;
  if (min !== undefined && value < min) return `At least ${showNumber(min)}.`;
  return null;
}
