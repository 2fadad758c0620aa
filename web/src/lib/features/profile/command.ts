/** The command line, as the server says that a start would run it. */
import type { ProfilePreview } from '$lib/api/schema';
import type { Fields } from './draft.svelte';
import type { Row } from './rows';

/** What the server shows of a secret. */
export const MASK = '***';

export interface Line {
  /** A flag with its value, or one word. */
  words: readonly string[];
  /** Of the profile, that it comes from; '': the engine's own. */
  field: string;
}

const isFlag = (word: string): boolean => /^--?[a-z]/i.test(word);

/** What follows the program, a flag and its value on a line. */
export function linesOf({ argv, fields }: ProfilePreview): Line[] {
  const lines: { words: string[]; field: string }[] = [];
  argv.slice(1).forEach((word, i) => {
    const field = fields[i + 1] ?? '';
    const last = lines.at(-1);
    const flag = last?.words[0] ?? '';
    const isValue =
      last?.field === field && last.words.length === 1 && isFlag(flag) && !flag.includes('=');
    if (last && isValue && !isFlag(word)) last.words.push(word);
    else lines.push({ words: [word], field });
  });
  return lines;
}

export interface Left {
  flag: string;
  /** null: the flag stands alone. */
  value: string | null;
}

/** An option that the server left out, as it was meant. */
export function leftOut(field: string, value: unknown, rows: readonly Row[]): Left | null {
  if (!field.startsWith('options.')) return null;
  const row = rows.find((one) => one.field === field);
  const flag = row?.flag ?? field.slice('options.'.length);
  if (row?.isSecret) return { flag, value: MASK };
  if (value === true || value === null) return { flag, value: null };
  return { flag, value: Array.isArray(value) ? value.join(' ') : String(value) };
}

/** Problems worth telling: of a new server, not that nobody has filled in a field yet. */
export function toldOf(preview: ProfilePreview, isNew: boolean, given: Fields) {
  const isOpen = (field: string) => isNew && (given[field] ?? null) === null;
  return preview.problems.filter(
    ({ field }) => !((field === 'name' || field === 'model_path') && isOpen(field)),
  );
}

/** As a shell takes it. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** For people: quoted, but for the place of a port that is not known. */
export const readable = (text: string): string =>
  quoted(text.replaceAll('${port}', 'port')) === text.replaceAll('${port}', 'port')
    ? text
    : quoted(text);

/** The whole command for a shell, without the variables that are not told. */
export function commandText({ argv, env, program }: ProfilePreview): string {
  const variables = Object.entries(env)
    .filter(([, value]) => value !== MASK)
    .map(([name, value]) => `${name}=${quoted(value)}`);
  const words = [program ?? argv[0] ?? '', ...argv.slice(1)];
  return [...variables, ...words.map(quoted)].join(' ');
}
