/** The options as they reach the engine. Address, model and name are added by the server. */
import type { Row } from './rows';

export interface Argument {
  field: string;
  /** "--ctx-size". */
  flag: string;
  /** null: the flag stands alone. */
  value: string | null;
  /** It is not as the server has it. */
  isNew: boolean;
  isWrong: boolean;
}

export interface Preview {
  args: Argument[];
  /** Options that are no arguments, or whose flag only the engine's manifest has. */
  apart: { field: string; text: string }[];
}

interface Asked {
  rows: readonly Row[];
  get: (field: string) => unknown;
  isNew: (field: string) => boolean;
  isWrong: (field: string) => boolean;
}

export function preview({ rows, get, isNew, isWrong }: Asked): Preview {
  const args: Argument[] = [];
  const apart: Preview['apart'] = [];
  for (const row of rows) {
    const { field, flag } = row;
    const value = get(field);
    if (!field.startsWith('options.') || value === null) continue;
    const one = { field, isNew: isNew(field), isWrong: isWrong(field) };
    if (row.isSecret) apart.push({ field, text: `${row.name}: ••••, not among the arguments` });
    else if (!flag || row.group === 'other')
      apart.push({ field, text: `${row.name}: ${String(value)}, not among the arguments` });
    else if (value === false) {
      if (row.fallback === 'true') apart.push({ field, text: `${flag} is turned off` });
    } else if (value === true) args.push({ ...one, flag, value: null });
    else
      for (const text of Array.isArray(value) ? (value as string[]) : [String(value)])
        args.push({ ...one, flag, value: text });
  }
  return { args, apart };
}

/** As a shell takes it. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

export const asText = ({ args }: Preview): string =>
  args.map(({ flag, value }) => (value === null ? flag : `${flag} ${quoted(value)}`)).join(' ');
