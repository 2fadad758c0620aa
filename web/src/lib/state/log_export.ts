/** Hearth's log as a file, and its last lines as text. */
import { url } from '$lib/api/http';
import type { LogEntry } from '$lib/api/schema';
import { read } from './rest';

export const LOG_FILE = 'hearth-log.json';

/** `query`: as the page of logs narrows it; all of it without. */
export const logAddress = (query = ''): string =>
  url(`/api/logs/export${query ? `?${query}` : ''}`);

export function downloadLog(): void {
  const link = document.createElement('a');
  link.href = logAddress();
  link.download = LOG_FILE;
  document.body.append(link);
  link.click();
  link.remove();
}

const lineOf = ({ at_ms, level, source, message }: LogEntry): string =>
  `[${new Date(at_ms).toISOString()}] [${level.toUpperCase()}] [${source}] ${message}`;

/** The oldest of them first. */
export async function lastLines(limit: number): Promise<string[]> {
  const { entries } = await read<{ entries: LogEntry[] }>(`/api/logs?limit=${limit}`);
  return entries.map(lineOf).toReversed();
}
