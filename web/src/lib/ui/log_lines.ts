/** Lines of an engine's log: ANSI colours (ECMA-48, SGR) as tokens, and how grave a line is. */
export interface Part {
  text: string;
  className: string;
}

// Foreground colours 31 to 36 and their bright forms; the rest reads as plain.
const colours: Record<number, string> = { 1: 'e', 2: 'g', 3: 'w', 4: 'i', 5: 'm', 6: 'i' };
// eslint-disable-next-line no-control-regex -- escape sequences are control characters
const SEQUENCE = /\u001b\[([\d;]*)([A-Za-z])/g;

function classAfter(codes: string, before: string): string {
  let now = before;
  for (const code of codes.split(';').map(Number)) {
    if (code === 0 || code === 39) now = '';
    else if (code === 2) now = 'm';
    else if ((code >= 31 && code <= 36) || (code >= 91 && code <= 96))
      now = colours[code % 10] ?? '';
  }
  return now;
}

export function parseLine(line: string): Part[] {
  const parts: Part[] = [];
  let className = '';
  let from = 0;
  for (const match of line.matchAll(SEQUENCE)) {
    if (match.index > from) parts.push({ text: line.slice(from, match.index), className });
    if (match[2] === 'm') className = classAfter(match[1] ?? '', className);
    from = match.index + match[0].length;
  }
  if (from < line.length) parts.push({ text: line.slice(from), className });
  return parts;
}

const ERROR = /\b(error|failed|fatal|abort(ed)?|panic|exception|out of memory)\b/i;
const WARNING = /\b(warn(ing)?|deprecated)\b/i;

export function tone(line: string): 'e' | 'w' | '' {
  if (ERROR.test(line)) return 'e';
  return WARNING.test(line) ? 'w' : '';
}
