/** Which entries of the log are wanted: what REST is asked, and the same of what comes live. */
import type { LogLine } from '$lib/api/events';
import type { LogEntry } from '$lib/api/schema';

export type Level = LogEntry['level'];
export const levels: readonly Level[] = ['debug', 'info', 'warn', 'error'];

export interface Wanted {
  /** At least this grave. */
  level: Level;
  /** The module, or '' for any. */
  source: string;
  /** A part of the message, whatever its case. */
  words: string;
}

export function queryOf({ level, source, words }: Wanted): string {
  const query = new URLSearchParams();
  if (level !== 'debug') query.set('level', level);
  if (source) query.set('source', source);
  if (words.trim()) query.set('q', words.trim());
  return query.toString();
}

export const isWanted = (line: LogLine, { level, source, words }: Wanted): boolean =>
  levels.indexOf(line.level) >= levels.indexOf(level) &&
  (source === '' || line.source === source) &&
  line.message.toLowerCase().includes(words.trim().toLowerCase());

export const lineOf = ({ id, at_ms, level, source, message }: LogEntry): LogLine => ({
  id,
  level,
  source,
  message,
  timestamp: at_ms,
});

/** The text in pieces; every second one is a hit. */
export function hitsOf(text: string, words: string): string[] {
  const wanted = words.trim().toLowerCase();
  if (wanted === '') return [text];
  const pieces: string[] = [];
  const lower = text.toLowerCase();
  let from = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
    pieces.push(text.slice(from, at), text.slice(at, at + wanted.length));
    from = at + wanted.length;
  }
  return [...pieces, text.slice(from)];
}
