/** Numbers as words: thin spaces, GiB, two units of time at most; unknown is a dash. */
export const UNKNOWN = '–';
const THIN = '\u2009';

export interface Figure {
  figure: string;
  unit: string;
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** 16384 as "16 384". Never for ports, ids or what is copied. */
export function count(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
}

export function bytes(
  value: number | null | undefined,
  least: (typeof units)[number] = 'B',
): Figure {
  if (value === null || value === undefined || !Number.isFinite(value))
    return { figure: UNKNOWN, unit: '' };
  let rank = 0;
  let figure = value;
  while ((figure >= 1000 || rank < units.indexOf(least)) && rank + 1 < units.length) {
    figure /= 1024;
    rank += 1;
  }
  return { figure: rank === 0 ? String(figure) : decimal(figure), unit: units[rank] ?? '' };
}

export function bytesText(value: number | null | undefined): string {
  const { figure, unit } = bytes(value);
  return unit ? `${figure} ${unit}` : figure;
}

/** Little is never none, and what is almost there is never all. */
export function percent(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  if (value > 0 && value < 1) return `<${THIN}1${THIN}%`;
  return `${value > 99 && value < 100 ? 99 : Math.round(value)}${THIN}%`;
}

/** "12.3"; of little one digit more, "0.03", and "< 0.01": what is not nothing is never 0. */
export function decimal(value: number | null | undefined, digits = 1): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size === 0 || size >= 10 ** -digits) return value.toFixed(digits);
  const least = 10 ** -(digits + 1);
  if (size >= least) return value.toFixed(digits + 1);
  return value > 0 ? `< ${least.toFixed(digits + 1)}` : `> -${least.toFixed(digits + 1)}`;
}

/** "1 min 35 s", "3 h 12 min", "2 d 6 h". */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return UNKNOWN;
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return join(Math.floor(s / 60), 'min', s % 60, 's');
  if (s < 86400) return join(Math.floor(s / 3600), 'h', Math.floor((s % 3600) / 60), 'min');
  return join(Math.floor(s / 86400), 'd', Math.floor((s % 86400) / 3600), 'h');
}

function join(a: number, unitA: string, b: number, unitB: string): string {
  return b === 0 ? `${a} ${unitA}` : `${a} ${unitA} ${b} ${unitB}`;
}

/** "14:40:06" of a Unix time in milliseconds. */
export function clockTime(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return UNKNOWN;
  return new Date(ms).toLocaleTimeString([], { hour12: false });
}

/** Share of a whole in percent, 0 to 100, or null where that is not known. */
export function share(
  part: number | null | undefined,
  whole: number | null | undefined,
): number | null {
  if (typeof part !== 'number' || typeof whole !== 'number' || whole <= 0) return null;
  return Math.min(100, Math.max(0, (100 * part) / whole));
}

/** "models/qw…IQ3_XXS.gguf": paths and hashes are cut in the middle. */
export function middle(text: string, most = 40): string {
  if (text.length <= most) return text;
  const head = Math.ceil((most - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (most - 1 - head))}`;
}

/** The last part of a path. */
export const fileName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** What a program said, as a sentence begins: "the engine ..." is "The engine ...". */
export const sentence = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
