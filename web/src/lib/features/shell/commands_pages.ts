/** The pages, for the palette and the keyboard. */
import { goto } from '$app/navigation';
import { resolve } from '$app/paths';
import type { Command } from '$lib/state/commands.svelte';
import { nav } from './nav';

export const pageCommands = (): Command[] =>
  nav.map((row) => ({
    id: `go ${row.path}`,
    group: 'Go to',
    title: row.label,
    icon: row.icon,
    keys: [`g ${row.key}`, ...(row.ctrl ? [`Ctrl ${row.ctrl}`] : [])],
    run: () => void goto(resolve(row.path)),
  }));
