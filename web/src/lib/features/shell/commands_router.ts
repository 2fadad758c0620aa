/** llama.cpp's router, for the palette and the keyboard. */
import type { Command } from '$lib/state/commands.svelte';
import { llama } from '$lib/state/llama.svelte';
import { toasts } from '$lib/state/toasts.svelte';

const actions = [
  ['start', 'Start the llama router', 'start', 'r s'],
  ['restart', 'Restart the llama router', 'restart', 'r r'],
  ['stop', 'Stop the llama router', 'stop', 'r t'],
] as const;

async function change(action: 'start' | 'stop' | 'restart') {
  try {
    await llama.change(action);
  } catch (error) {
    toasts.fail(`The router could not ${action}`, error);
  }
}

export const routerCommands = (): Command[] =>
  actions.map(([action, title, icon, keys]) => ({
    id: `router ${action}`,
    group: 'Actions',
    title,
    icon,
    keys,
    words: 'llama.cpp llama',
    run: () => void change(action),
  }));
