/** llama.cpp's router and its presets, for the palette and the keyboard. */
import { commands, type Command } from '$lib/state/commands.svelte';
import { llama } from '$lib/state/llama.svelte';
import { presets } from '$lib/state/presets.svelte';
import { toasts } from '$lib/state/toasts.svelte';

async function attempt(title: string, what: () => Promise<void>) {
  try {
    await what();
  } catch (error) {
    toasts.fail(title, error);
  }
}

const actions = [
  ['start', 'Start the llama router', 'r s'],
  ['restart', 'Restart the llama router', 'r r'],
  ['stop', 'Stop the llama router', 'r t'],
] as const;

/** The answer is what the user wants to see: it is told in words. */
async function check() {
  await llama.load();
  const { status, problem } = llama;
  if (problem) toasts.fail('The router’s state could not be had', problem);
  if (problem || !status) return;
  const loaded = status.models.filter((model) => model.status === 'loaded').length;
  const where = status.port === null ? '' : ` at port ${status.port}`;
  toasts.show({
    kind: 'router',
    tone: status.error ? 'warn' : 'info',
    title: `The llama router is ${status.state}${where}`,
    text: status.error ?? `${loaded} of ${status.models.length} models loaded.`,
  });
}

/** Its files are read each time: a scan and a reload are the same. */
async function readPresets() {
  presets.start();
  await presets.load();
  if (presets.problem) toasts.fail('The presets could not be read', presets.problem);
  else
    toasts.show({
      kind: 'presets',
      tone: 'ok',
      title: 'Presets read anew',
      text: `${presets.size} preset${presets.size === 1 ? '' : 's'}.`,
    });
}

const isRunning = (): boolean =>
  llama.status !== null && !['stopped', 'failed'].includes(llama.status.state);

const presetChoices = (): Command[] =>
  presets.all.map(({ name }) => ({
    id: `preset ${name}`,
    group: 'Actions',
    title: `${isRunning() ? 'Restart' : 'Start'} with ${name}`,
    icon: 'presets',
    isDestructive: isRunning(),
    run: () => void attempt(`The router could not start with ${name}`, () => llama.startWith(name)),
  }));

export const routerCommands = (): Command[] => [
  ...actions.map(([action, title, keys]): Command => ({
    id: `router ${action}`,
    group: 'Actions',
    title,
    icon: action,
    keys: [keys],
    words: 'llama.cpp llama',
    isDestructive: action !== 'start',
    needs: 'control',
    run: () => void attempt(`The router could not ${action}`, () => llama.change(action)),
  })),
  {
    id: 'router preset',
    group: 'Actions',
    title: 'Start the llama router with preset…',
    icon: 'presets',
    words: 'llama.cpp',
    needs: 'control',
    choices: {
      prepare: () => [presets, llama].forEach((store) => store.start()),
      list: presetChoices,
      none: () =>
        presets.problem?.message ??
        (presets.isLoaded ? 'There is no preset yet.' : 'The presets are being read.'),
    },
    run: () => commands.open('router preset'),
  },
  {
    id: 'router status',
    group: 'Actions',
    title: 'Check status of the llama router',
    icon: 'info',
    words: 'llama.cpp state',
    run: () => void check(),
  },
  {
    id: 'read presets',
    group: 'Actions',
    title: 'Reload presets',
    icon: 'presets',
    keys: ['p s', 'p r'],
    words: 'scan presets refresh',
    run: () => void readPresets(),
  },
];
