/** Servers and the models of the library, for the palette: a row each, and what else there is. */
import { resolve } from '$app/paths';
import type { Model, Server } from '$lib/api/schema';
import type { Command } from '$lib/state/commands.svelte';
import { canServe } from '$lib/state/kinds';
import { library } from '$lib/state/library.svelte';
import { models } from '$lib/state/models.svelte';
import { servers } from '$lib/state/servers.svelte';
import { toasts } from '$lib/state/toasts.svelte';
import { copy } from './copy';
import { visit } from './visit';

type Action = Omit<Command, 'group' | 'id'>;

async function attempt(title: string, what: () => Promise<unknown>) {
  try {
    await what();
  } catch (error) {
    toasts.fail(title, error);
  }
}

const participles = { start: 'started', stop: 'stopped', restart: 'restarted' } as const;

function one(action: 'start' | 'stop' | 'restart', id: string, name: string, verb: string): Action {
  return {
    title: `${verb} ${name}`,
    icon: action,
    isDestructive: action !== 'start',
    needs: 'control',
    run: () =>
      void attempt(`${name} was not ${participles[action]}`, () => servers.change(action, id)),
  };
}
/** Starting is called loading where it is about a model. */
const start = (id: string, name: string, verb: 'Start' | 'Load') => one('start', id, name, verb);
const ends = (id: string, name: string, verb: 'Stop' | 'Unload'): Action[] => [
  one('restart', id, name, 'Restart'),
  one('stop', id, name, verb),
];

const chat = (name: string): Action => ({
  title: `Chat with ${name}`,
  icon: 'chat',
  needs: 'inference',
  run: () => visit(resolve('/chat'), { model: name }),
});
const log = (id: string, name: string): Action => ({
  title: `Show the log of ${name}`,
  icon: 'logs',
  run: () => visit(resolve('/servers'), { log: id }),
});
const copied = (text: string, what: string, name: string): Action => ({
  title: `Copy ${what} of ${name}`,
  icon: 'copy',
  run: () => void copy(text, text),
});

/** The first action is the best: the row is that one. */
function rowOf(
  id: string,
  name: string,
  state: string | undefined,
  words: string,
  actions: readonly [Action, ...Action[]],
): Command {
  const group = 'Models';
  const all = actions.map((one): Command => ({ ...one, group, id: `${one.title} ${id}` }));
  const row = { ...actions[0], id, group, name, words, more: () => all } as const;
  return state ? { ...row, state } : row;
}

const isUp = (server: Server | undefined): boolean =>
  server !== undefined && !['stopped', 'failed'].includes(servers.stateOf(server));

function actionsOfServer(server: Server): [Action, ...Action[]] {
  const { profile_id: id, profile_name: name } = server;
  const calm: [Action, ...Action[]] = [
    chat(name),
    {
      title: `Edit ${name}`,
      icon: 'edit',
      words: 'profile options',
      run: () => visit(resolve('/servers/[id]/edit', { id })),
    },
    log(id, name),
    copied(name, 'the name', name),
  ];
  return isUp(server) ? [...calm, ...ends(id, name, 'Stop')] : [start(id, name, 'Start'), ...calm];
}

/** Of profiles; a model that runs without one is a row of the library. */
export const serverCommands = (all: readonly Server[]): Command[] =>
  all
    .filter(({ profile_id: id }) => !models.get(id))
    .map((server) => {
      const { profile_id: id, profile_name: name, engine } = server;
      const state = servers.stateOf(server);
      return rowOf(`server ${id}`, name, state, `server ${engine}`, actionsOfServer(server));
    });

function actionsOf(model: Model, isRunning: boolean): [Action, ...Action[]] {
  const { id, name } = model;
  const open: Action = {
    title: `Open ${name}`,
    icon: 'models',
    run: () => visit(resolve('/models'), { model: id }),
  };
  const rest: Action[] = [
    {
      title: `${model.is_favourite ? 'Remove' : 'Add'} ${name} ${model.is_favourite ? 'from' : 'to'} favourites`,
      icon: model.is_favourite ? 'starred' : 'star',
      needs: 'control',
      run: () => void attempt(`${name} could not be marked`, () => library.favour(model)),
    },
    copied(name, 'the name', name),
    copied(id, 'the id', name),
  ];
  if (!canServe(model)) return [open, ...rest];
  const another: Action = {
    title: `New server with ${name}`,
    icon: 'plus',
    needs: 'control',
    run: () => visit(resolve('/servers/new'), { model: id }),
  };
  const talk = model.kind === 'llm' || model.kind === 'vision' ? [chat(name)] : [];
  if (!isRunning) return [start(id, name, 'Load'), open, ...talk, another, ...rest];
  return [
    talk[0] ?? open,
    ...(talk.length ? [open] : []),
    log(id, name),
    another,
    ...rest,
    ...ends(id, name, 'Unload'),
  ];
}

export const modelCommands = (all: readonly Model[]): Command[] =>
  all.map((model) => {
    const { id, name, architecture, quantization, tags } = model;
    const server = servers.get(id);
    const words = [architecture, quantization, ...tags].join(' ');
    const state = canServe(model) ? (server ? servers.stateOf(server) : model.state) : undefined;
    return rowOf(`model ${id}`, name, state, words, actionsOf(model, isUp(server)));
  });

/** What "Load…" offers: models and servers that are at rest. */
export const loadCommands = (): Command[] =>
  [...serverCommands(servers.all), ...modelCommands(models.all.filter(canServe))].filter(
    ({ icon }) => icon === 'start',
  );
