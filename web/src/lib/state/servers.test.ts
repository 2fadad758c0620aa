import { expect, test, vi } from 'vitest';
import type { Server } from '$lib/api/schema';
import { Problem } from '$lib/api/problem';
import { server } from '$tests/server';
import type { Live } from './live.svelte';
import { Servers } from './servers.svelte';

function open(rows: Server[]) {
  const listeners = new Map<string, (data: unknown) => void>();
  const request = vi.fn(async (event: string, data?: { id: string }): Promise<unknown> => {
    if (event === 'servers:list') return { servers: rows };
    if (event === 'servers:get') return { server: server({ profile_id: data?.id ?? '' }) };
    return {};
  });
  const live = {
    on: (event: string, listener: (data: unknown) => void) => listeners.set(event, listener),
    feed: (load: () => void) => load(),
    request,
  };
  const servers = new Servers(live as unknown as Live);
  servers.start();
  return { servers, request, tell: (event: string, data: unknown) => listeners.get(event)?.(data) };
}

test('they are listed in the order of attention', async () => {
  const { servers } = open([
    server({ profile_id: 'a', profile_name: 'a', state: 'ready', running: true }),
    server({ profile_id: 'b', profile_name: 'b', state: 'stopped' }),
    server({ profile_id: 'c', profile_name: 'c', state: 'failed' }),
    server({ profile_id: 'd', profile_name: 'd', state: 'loading', running: true }),
  ]);
  await vi.waitFor(() => expect(servers.isLoaded).toBe(true));
  expect(servers.all.map((row) => row.profile_id)).toEqual(['c', 'd', 'a', 'b']);
  expect(servers.running.length).toBe(2);
  expect(servers.troubled.map((row) => row.profile_id)).toEqual(['c']);
});

test('what was asked for is shown at once, and taken back when it is refused', async () => {
  const { servers, request } = open([server()]);
  await vi.waitFor(() => expect(servers.isLoaded).toBe(true));
  let refuse: (problem: Problem) => void = () => {};
  request.mockImplementationOnce(() => new Promise((_, reject) => (refuse = reject)));
  const change = servers.change('start', 'p1');
  const row = servers.get('p1');
  expect(row && servers.stateOf(row)).toBe('starting');
  refuse(new Problem('conflict', 'no room'));
  await expect(change).rejects.toThrow('no room');
  expect(row && servers.stateOf(row)).toBe('stopped');
});

test('events change rows, and a new profile has one', async () => {
  const { servers, tell } = open([server()]);
  await vi.waitFor(() => expect(servers.isLoaded).toBe(true));
  tell('servers:status', { server: server({ state: 'ready', running: true }) });
  expect(servers.get('p1')?.state).toBe('ready');
  tell('profiles:created', { profileId: 'p2' });
  await vi.waitFor(() => expect(servers.get('p2')).toBeDefined());
  tell('profiles:deleted', { profileId: 'p1' });
  expect(servers.get('p1')).toBeUndefined();
});

test('one that is deleted while it runs is there until it has stopped, and does not come back', async () => {
  const { servers, tell } = open([server({ state: 'ready', running: true })]);
  await vi.waitFor(() => expect(servers.isLoaded).toBe(true));
  tell('profiles:deleted', { profileId: 'p1' });
  tell('servers:status', { server: server({ state: 'stopping', running: true }) });
  expect(servers.get('p1')?.state).toBe('stopping');
  tell('servers:status', { server: server({ state: 'stopped' }) });
  expect(servers.get('p1')).toBeUndefined();
  // Found in a folder again, it is what it was.
  tell('profiles:created', { profileId: 'p1' });
  tell('servers:status', { server: server({ state: 'failed' }) });
  expect(servers.get('p1')?.state).toBe('failed');
});

test('a picture that cannot be had is a problem', async () => {
  const { servers, request } = open([]);
  request.mockRejectedValueOnce(new Problem('timeout', 'no answer'));
  await servers.load();
  expect(servers.problem?.message).toBe('no answer');
});
