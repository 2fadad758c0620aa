/** What can be done on any page, for the palette and the keyboard. */
import { goto } from '$app/navigation';
import { resolve } from '$app/paths';
import type { Command } from '$lib/state/commands.svelte';
import { live } from '$lib/state/live.svelte';
import { theme } from '$lib/state/theme.svelte';
import { toasts } from '$lib/state/toasts.svelte';

async function scan() {
  try {
    const found = await live.request('models:scan');
    toasts.show({
      kind: 'scan',
      tone: 'ok',
      title: 'Folders scanned',
      text: `${found.total} models, ${found.updated} read anew.`,
    });
  } catch (error) {
    toasts.fail('The folders could not be scanned', error);
  }
}

export const libraryCommands = (): Command[] => [
  {
    id: 'new server',
    group: 'Actions',
    title: 'New server',
    icon: 'plus',
    words: 'profile add make',
    run: () => void goto(resolve('/servers/new')),
  },
  {
    id: 'discover',
    group: 'Actions',
    title: 'Search the hubs for models',
    icon: 'discover',
    words: 'hugging face civitai download get',
    run: () => void goto(resolve('/discover')),
  },
  {
    id: 'scan',
    group: 'Actions',
    title: 'Scan model folders',
    icon: 'scan',
    keys: 'm s',
    run: () => void scan(),
  },
];

export const dashboardCommands = (showHelp: () => void): Command[] => [
  {
    id: 'theme',
    group: 'Actions',
    title: 'Change theme',
    icon: 'sun',
    keys: 't',
    words: 'dark light',
    run: () => theme.turn(),
  },
  {
    id: 'help',
    group: 'Actions',
    title: 'Show keyboard shortcuts',
    icon: 'info',
    keys: '?',
    run: showHelp,
  },
];
