/** Hearth's log, for the palette and the keyboard. */
import type { Command } from '$lib/state/commands.svelte';
import { downloadLog, lastLines } from '$lib/state/log_export';
import { toasts } from '$lib/state/toasts.svelte';
import { copy } from './copy';

const COPIED = 100;

async function copyRecent() {
  try {
    const lines = await lastLines(COPIED);
    if (lines.length) await copy(`${lines.join('\n')}\n`, `${lines.length} lines of the log`);
    else toasts.show({ kind: 'copy', tone: 'info', title: 'Nothing was logged yet' });
  } catch (error) {
    toasts.fail('The log could not be read', error);
  }
}

export const logCommands = (): Command[] => [
  {
    id: 'export logs',
    group: 'Actions',
    title: 'Export logs',
    icon: 'download',
    keys: ['e l'],
    words: 'json download save',
    run: downloadLog,
  },
  {
    id: 'copy logs',
    group: 'Actions',
    title: 'Copy recent logs',
    icon: 'copy',
    words: 'clipboard lines text',
    run: () => void copyRecent(),
  },
];
