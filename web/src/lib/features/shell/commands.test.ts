import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { goto } from '$app/navigation';
import { commands } from '$lib/state/commands.svelte';
import type { Command } from '$lib/state/commands.svelte';
import { live } from '$lib/state/live.svelte';
import { models } from '$lib/state/models.svelte';
import { presets } from '$lib/state/presets.svelte';
import { servers } from '$lib/state/servers.svelte';
import { session } from '$lib/state/session.svelte';
import { toasts } from '$lib/state/toasts.svelte';
import { model } from '$tests/model';
import { server } from '$tests/server';
import { dashboardCommands, libraryCommands } from './commands_actions';
import { logCommands } from './commands_logs';
import { loadCommands, modelCommands, serverCommands } from './commands_models';
import { pageCommands } from './commands_pages';
import { routerCommands } from './commands_router';
import { allowed } from './rights';
import UnloadAll from './UnloadAll.svelte';

vi.mock('$app/navigation', () => ({ goto: vi.fn() }));
vi.mock('$app/state', () => ({
  page: { route: { id: '/models' }, url: new URL('http://x/models?q=a&view=grid') },
}));

/** What REST answers, by method and path. */
let answers: Record<string, unknown>;
const asked: [string, unknown][] = [];
const wire = vi.fn();
const ask = vi.fn();
const all = (): Command[] => [
  ...pageCommands(),
  ...libraryCommands(ask),
  ...routerCommands(),
  ...logCommands(),
  ...dashboardCommands(ask),
];
const of = (keys: string) => all().find((one) => one.keys?.includes(keys));
const titled = (title: string, from = all()) => from.find((one) => one.title === title);
const told = () => toasts.all.at(-1);

beforeEach(async () => {
  answers = {};
  asked.length = 0;
  vi.clearAllMocks();
  vi.spyOn(live, 'isOnline', 'get').mockReturnValue(true);
  vi.spyOn(live, 'request').mockImplementation((event: string, data?: unknown) => {
    wire(event, data);
    return Promise.resolve(event === 'servers:list' ? { servers: shown } : {}) as never;
  });
  vi.stubGlobal('fetch', async (address: string, { method, body }: RequestInit) => {
    asked.push([`${method} ${address}`, body ? JSON.parse(String(body)) : undefined]);
    const data = answers[`${method} ${address}`];
    const error = { code: 'conflict', message: 'not now' };
    return new Response(JSON.stringify({ success: data !== undefined, data, error }), {
      status: data === undefined ? 409 : 200,
    });
  });
  await give([]);
  models.replace([]);
  presets.replace([]);
});
afterEach(() => {
  cleanup();
  commands.close();
  for (const { id } of toasts.all) toasts.dismiss(id);
});

let shown: ReturnType<typeof server>[] = [];
async function give(rows: ReturnType<typeof server>[]) {
  shown = rows;
  await servers.load();
  wire.mockClear();
}

test('each key leads to one command', () => {
  const keys = all().flatMap((one) => one.keys ?? []);
  expect(new Set(keys).size).toBe(keys.length);
  for (const [key, title] of [
    ['Ctrl D', 'Dashboard'],
    ['Ctrl M', 'Models'],
    ['Ctrl P', 'Presets'],
    ['Ctrl G', 'Settings'],
    ['Ctrl L', 'Logs'],
    ['Ctrl H', 'Show keyboard shortcuts'],
    ['Ctrl S', 'Scan model folders'], // on the page of models
    ['p s', 'Reload presets'],
    ['p r', 'Reload presets'],
    ['m u', 'Unload all'],
  ] as const)
    expect(of(key)?.title).toBe(title);
});

test('a server: the best action, and what else there is', async () => {
  await give([
    server(),
    server({ profile_id: 'p2', profile_name: 'up', state: 'ready', running: true }),
  ]);
  const [up, down] = serverCommands(servers.all);
  expect([down?.title, down?.name, down?.state]).toEqual(['Start coder', 'coder', 'stopped']);
  expect(up?.title).toBe('Chat with up');
  expect(up?.more?.().map(({ title, isDestructive }) => [title, isDestructive ?? false])).toEqual([
    ['Chat with up', false],
    ['Edit up', false],
    ['Show the log of up', false],
    ['Copy the name of up', false],
    ['Restart up', true],
    ['Stop up', true],
  ]);
  titled('Show the log of up', [...(up?.more?.() ?? [])])?.run();
  expect(goto).toHaveBeenCalledWith('/servers?log=p2');
  titled('Stop up', [...(up?.more?.() ?? [])])?.run();
  expect(wire).toHaveBeenCalledWith('servers:stop', { id: 'p2' });
});

test('a model: loaded by its own row, and no second row for its server', async () => {
  const one = model({ is_favourite: true });
  const image = model({ id: 'm2', name: 'pixel', kind: 'lora' });
  models.replace([one, image]);
  const [row, pixel] = modelCommands(models.all);
  expect([row?.title, row?.state, pixel?.title, pixel?.state]).toEqual([
    'Load coder',
    'stopped',
    'Open pixel',
    undefined,
  ]);
  expect(row?.more?.().map(({ title }) => title)).toEqual([
    'Load coder',
    'Open coder',
    'Chat with coder',
    'New server with coder',
    'Remove coder from favourites',
    'Copy the name of coder',
    'Copy the id of coder',
  ]);
  row?.run();
  expect(wire).toHaveBeenCalledWith('servers:start', { id: 'm1' });
  await give([server({ profile_id: 'm1', source: 'library', state: 'ready', running: true })]);
  expect(serverCommands(servers.all)).toEqual([]);
  const now = modelCommands(models.all)[0];
  expect([now?.title, now?.state]).toEqual(['Chat with coder', 'ready']);
  expect(now?.more?.().map(({ title }) => title)).toContain('Unload coder');
});

test('what does not talk is not talked with', async () => {
  models.replace([model({ kind: 'embedding' })]);
  const titles = () =>
    modelCommands(models.all)[0]
      ?.more?.()
      .map(({ title }) => title) ?? [];
  expect(titles()).not.toContain('Chat with coder');
  await give([server({ profile_id: 'm1', source: 'library', state: 'ready', running: true })]);
  expect(titles().slice(0, 2)).toEqual(['Open coder', 'Show the log of coder']);
});

test('what a key may not do says so, and is not tried', async () => {
  const who = vi.spyOn(session, 'who', 'get');
  const may = (scope: 'admin' | 'inference' | 'read' | null) => {
    who.mockReturnValue({ who: 'key', scope, may_execute: false });
    return allowed([...all(), ...serverCommands(servers.all), ...modelCommands(models.all)]);
  };
  models.replace([model()]);
  await give([server({ profile_id: 'p1', profile_name: 'mine' })]);
  for (const scope of ['admin', null] as const)
    expect(may(scope).filter(({ refused }) => refused)).toEqual([]);
  const rows = may('read');
  expect(rows.filter(({ refused }) => refused).map(({ title }) => title)).toEqual([
    'New server',
    'Load…',
    'Scan model folders',
    'Unload all',
    'Start the llama router',
    'Restart the llama router',
    'Stop the llama router',
    'Start the llama router with preset…',
  ]);
  const scan = rows.find(({ keys }) => keys?.includes('m s'));
  expect(scan?.refused).toBe('needs an admin key');
  scan?.run();
  expect(wire).not.toHaveBeenCalled();
  expect(told()?.title).toBe('Scan model folders: not done');
  expect(told()?.text).toContain('the scope of this one is read');
  expect(rows.find(({ id }) => id === 'load')?.choices).toBeUndefined();
  // A thing's row is what may be done with it; the rest is there with its reason.
  const mine = rows.find(({ name }) => name === 'mine');
  expect([mine?.title, mine?.refused]).toEqual(['Edit mine', undefined]);
  expect(mine?.more?.().map(({ title, refused }) => [title, refused])).toEqual([
    ['Start mine', 'needs an admin key'],
    ['Chat with mine', 'needs a key that uses models'],
    ['Edit mine', undefined],
    ['Show the log of mine', undefined],
    ['Copy the name of mine', undefined],
  ]);
  expect(may('inference').find(({ name }) => name === 'mine')?.title).toBe('Chat with mine');
  who.mockRestore();
});

test('Load… offers what is at rest', async () => {
  models.replace([model(), model({ id: 'm2', name: 'busy' }), model({ id: 'm3', kind: 'lora' })]);
  await give([
    server({ profile_id: 'p1', profile_name: 'mine' }),
    server({ profile_id: 'm2', state: 'ready', running: true }),
  ]);
  expect(loadCommands().map(({ title }) => title)).toEqual(['Start mine', 'Load coder']);
  of('m l')?.run();
  expect([commands.isOpen, commands.within]).toEqual([true, 'load']);
});

test('Unload all asks first, naming them, then stops each; a refusal is told', async () => {
  of('m u')?.run();
  expect(ask).not.toHaveBeenCalled();
  expect(told()?.title).toBe('Nothing is loaded');
  await give([
    server({ running: true, state: 'ready', queue: { active: 2, waiting: 1 } }),
    server({ profile_id: 'p2', profile_name: 'other', running: true, state: 'loading' }),
    server({ profile_id: 'p3', profile_name: 'at rest' }),
    server({ profile_id: 'p4', profile_name: 'retries', state: 'backoff' }),
  ]);
  of('m u')?.run();
  expect(ask.mock.calls).toEqual([['unload']]);
  const onclose = vi.fn();
  render(UnloadAll, { onclose });
  expect(screen.getAllByRole('listitem', { hidden: true }).map((li) => li.textContent)).toEqual([
    'retries',
    'other',
    'coder',
  ]);
  expect(screen.getByText('3 requests are under way or waiting with them.')).toBeTruthy();
  await fireEvent.click(screen.getByText('Keep them'));
  expect(onclose).toHaveBeenCalledOnce();
  expect(wire).not.toHaveBeenCalled();
  vi.mocked(live.request).mockImplementation(((event: string, data: { id: string }) => {
    wire(event, data);
    return data.id === 'p2' ? Promise.reject(new Error('it hangs')) : Promise.resolve({});
  }) as never);
  await fireEvent.click(screen.getByText('Unload all'));
  expect(wire.mock.calls).toEqual([
    ['servers:stop', { id: 'p4' }],
    ['servers:stop', { id: 'p2' }],
    ['servers:stop', { id: 'p1' }],
  ]);
  await vi.waitFor(() => expect(told()?.text).toBe('it hangs'));
  expect(told()?.title).toBe('other was not unloaded');
});

test('the list of models and the presets are asked for anew', async () => {
  answers['GET /api/models'] = [model()];
  of('m r')?.run();
  await vi.waitFor(() => expect(told()?.text).toBe('1 in the library.'));
  of('p s')?.run();
  await vi.waitFor(() => expect(told()?.title).toBe('The presets could not be read'));
  answers['GET /api/presets'] = [{ name: 'a' }, { name: 'b' }];
  of('p r')?.run();
  await vi.waitFor(() => expect(told()?.text).toBe('2 presets.'));
});

test('the router starts with the preset that is chosen, stopped first if it runs', async () => {
  presets.replace([{ name: 'small' } as never]);
  answers = {
    'GET /api/llama/status': { state: 'ready', models: [], error: null, port: 8412 },
    'GET /api/llama/config': {},
    'POST /api/llama/stop?wait=1': {},
    'POST /api/llama/start': {},
    'GET /api/presets': [{ name: 'small' }],
  };
  const command = titled('Start the llama router with preset…');
  command?.run();
  expect(commands.within).toBe('router preset');
  command?.choices?.prepare?.();
  await vi.waitFor(() => expect(presets.isLoaded).toBe(true));
  titled('Check status of the llama router')?.run();
  await vi.waitFor(() => expect(told()?.title).toBe('The llama router is ready at port 8412'));
  expect(told()?.text).toBe('0 of 0 models loaded.');
  const [choice] = command?.choices?.list() ?? [];
  expect([choice?.title, choice?.isDestructive]).toEqual(['Restart with small', true]);
  asked.length = 0;
  choice?.run();
  await vi.waitFor(() => expect(asked.map(([what]) => what)).toContain('POST /api/llama/start'));
  expect(asked.slice(0, 3)).toEqual([
    ['GET /api/llama/status', undefined],
    ['POST /api/llama/stop?wait=1', undefined],
    ['POST /api/llama/start', { preset: 'small' }],
  ]);
  answers['GET /api/llama/status'] = { state: 'stopped', models: [], error: null, port: null };
  titled('Check status of the llama router')?.run();
  await vi.waitFor(() => expect(told()?.title).toBe('The llama router is stopped'));
  expect(command?.choices?.list()[0]?.title).toBe('Start with small');
});

test('the last lines of the log are copied, the oldest first', async () => {
  const writeText = vi.fn(() => Promise.resolve());
  vi.stubGlobal('navigator', { clipboard: { writeText } });
  const line = { id: 2, level: 'warn', source: 'x', message: 'two', at_ms: 1000 };
  answers['GET /api/logs?limit=100'] = {
    entries: [line, { ...line, message: 'one', at_ms: 0, level: 'info' }],
  };
  titled('Copy recent logs')?.run();
  await vi.waitFor(() => expect(told()?.title).toBe('2 lines of the log copied'));
  expect(writeText).toHaveBeenCalledWith(
    '[1970-01-01T00:00:00.000Z] [INFO] [x] one\n[1970-01-01T00:00:01.000Z] [WARN] [x] two\n',
  );
  vi.stubGlobal('navigator', {});
  titled('Copy recent logs')?.run();
  await vi.waitFor(() => expect(told()?.text).toBe('The browser does not let this page copy.'));
});

test('Export logs is the export of the page of logs', () => {
  const clicked = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (
    this: HTMLAnchorElement,
  ) {
    expect([this.getAttribute('href'), this.download]).toEqual([
      '/api/logs/export',
      'hearth-log.json',
    ]);
  });
  of('e l')?.run();
  expect(clicked).toHaveBeenCalledOnce();
});

test('Refresh asks every store anew, Reset layout leaves the page’s address bare', () => {
  const load = vi.fn();
  const stop = live.feed(load);
  titled('Refresh')?.run();
  expect(load).toHaveBeenCalledTimes(2);
  stop();
  of('r l')?.run();
  expect(goto).toHaveBeenCalledWith('/models');
});
