/** What can be done on any page, for the palette and the keyboard. */
import { resolve } from '$app/paths';
import { page } from '$app/state';
import { commands, type Command } from '$lib/state/commands.svelte';
import { live } from '$lib/state/live.svelte';
import { models } from '$lib/state/models.svelte';
import { servers } from '$lib/state/servers.svelte';
import { theme } from '$lib/state/theme.svelte';
import { toasts } from '$lib/state/toasts.svelte';
import { loadCommands } from './commands_models';
import { visit } from './visit';

/** What is asked before it is done, or shown. */
export type Ask = (what: 'help' | 'unload') => void;

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

async function reload() {
  await models.load();
  if (models.problem) toasts.fail('The models could not be listed', models.problem);
  else
    toasts.show({
      kind: 'models',
      tone: 'ok',
      title: 'List of models read anew',
      text: `${models.size} in the library.`,
    });
}

function unloadAll(ask: Ask) {
  if (servers.stoppable.length) ask('unload');
  else toasts.show({ kind: 'unload', tone: 'info', title: 'Nothing is loaded' });
}

const inActions = (all: Omit<Command, 'group'>[]): Command[] =>
  all.map((one) => ({ ...one, group: 'Actions' }));

export const libraryCommands = (ask: Ask): Command[] =>
  inActions([
    {
      id: 'new server',
      title: 'New server',
      icon: 'plus',
      words: 'profile add make',
      needs: 'control',
      run: () => visit(resolve('/servers/new')),
    },
    {
      id: 'discover',
      title: 'Search the hubs for models',
      icon: 'discover',
      words: 'hugging face civitai download get',
      run: () => visit(resolve('/discover')),
    },
    {
      id: 'load',
      title: 'Load…',
      icon: 'start',
      keys: ['m l'],
      words: 'load a model start a server',
      needs: 'control',
      choices: {
        list: loadCommands,
        none: () =>
          models.isLoaded && servers.isLoaded
            ? 'There is no model that is not loaded.'
            : 'The models are being read.',
      },
      run: () => commands.open('load'),
    },
    {
      id: 'scan',
      title: 'Scan model folders',
      icon: 'scan',
      // On the page of models, as pages that save have it.
      keys: ['m s', ...(page.route.id === '/models' ? ['Ctrl S'] : [])],
      needs: 'control',
      run: () => void scan(),
    },
    {
      id: 'reload models',
      title: 'Reload the list of models',
      icon: 'restart',
      keys: ['m r'],
      words: 'refresh library',
      run: () => void reload(),
    },
    {
      id: 'unload all',
      title: 'Unload all',
      icon: 'stop',
      keys: ['m u'],
      words: 'stop every server model',
      isDestructive: true,
      needs: 'control',
      run: () => unloadAll(ask),
    },
  ]);

function refresh() {
  const wasOnline = live.isOnline;
  live.refresh();
  toasts.show({
    kind: 'refresh',
    tone: 'info',
    title: wasOnline ? 'Everything is asked for anew' : 'The server is away: trying to connect',
  });
}

export const dashboardCommands = (ask: Ask): Command[] =>
  inActions([
    {
      id: 'refresh',
      title: 'Refresh',
      icon: 'restart',
      words: 'reload all data',
      run: refresh,
    },
    {
      id: 'reset layout',
      title: 'Reset layout of this page',
      icon: 'close',
      keys: ['r l'],
      words: 'view filters order columns drawer clear',
      // How a page is looked at stands in its address.
      run: () => visit(page.url.pathname),
    },
    {
      id: 'theme',
      title: 'Change theme',
      icon: 'sun',
      keys: ['t'],
      words: 'dark light toggle mode',
      run: () => theme.turn(),
    },
    {
      id: 'help',
      title: 'Show keyboard shortcuts',
      icon: 'info',
      keys: ['?', 'Ctrl H'],
      run: () => ask('help'),
    },
  ]);
