/** Servers and the models of the library, for the palette. */
import { goto } from '$app/navigation';
import { resolve } from '$app/paths';
import type { Model, Server } from '$lib/api/schema';
import type { Command } from '$lib/state/commands.svelte';
import { servers } from '$lib/state/servers.svelte';
import { toasts } from '$lib/state/toasts.svelte';

function visit(address: string) {
  // eslint-disable-next-line svelte/no-navigation-without-resolve -- callers resolve
  void goto(address);
}

async function change(action: 'start' | 'stop' | 'restart', id: string, name: string) {
  try {
    await servers.change(action, id);
  } catch (error) {
    toasts.fail(`${name} could not ${action}`, error);
  }
}

export const serverCommands = (all: readonly Server[]): Command[] =>
  all.flatMap((server) => {
    const { profile_id: id, profile_name: name } = server;
    const one = (action: 'start' | 'stop' | 'restart', verb: string): Command => ({
      id: `${action} ${id}`,
      group: 'Models',
      title: `${verb} ${name}`,
      icon: action,
      run: () => void change(action, id, name),
    });
    const edit: Command = {
      id: `edit ${id}`,
      group: 'Models',
      title: `Edit ${name}`,
      icon: 'edit',
      words: 'profile options',
      run: () => void goto(resolve('/servers/[id]/edit', { id })),
    };
    const chat: Command = {
      id: `chat ${id}`,
      group: 'Models',
      title: `Chat with ${name}`,
      icon: 'chat',
      run: () => visit(`${resolve('/chat')}?model=${encodeURIComponent(name)}`),
    };
    return server.running
      ? [one('restart', 'Restart'), one('stop', 'Stop'), edit, chat]
      : [one('start', 'Start'), edit, chat];
  });

export const modelCommands = (all: readonly Model[]): Command[] =>
  all.flatMap((model): Command[] => {
    const { id, name, architecture, quantization, tags } = model;
    const words = [architecture, quantization, ...tags].join(' ');
    const open: Command = {
      id: `open ${id}`,
      group: 'Models',
      title: `Open ${name}`,
      icon: 'models',
      words,
      run: () => visit(`${resolve('/models')}?model=${encodeURIComponent(id)}`),
    };
    const isLoadable =
      ['llm', 'embedding', 'vision'].includes(model.kind) && model.error === '' && !servers.get(id);
    if (!isLoadable) return [open];
    const load: Command = {
      id: `load ${id}`,
      group: 'Models',
      title: `Load ${name}`,
      icon: 'start',
      words,
      run: () => void change('start', id, name),
    };
    return [open, load];
  });
