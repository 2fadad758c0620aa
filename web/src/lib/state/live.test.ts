import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Problem } from '$lib/api/problem';
import type { Socket } from 'socket.io-client';
import { Live } from './live.svelte';

/** The side of socket.io that Live uses, in the hands of the test. */
class FakeSocket {
  connected = false;
  recovered = false;
  connects = 0;
  sent: { event: string; data: unknown; answer: (envelope: unknown) => void }[] = [];
  #handlers = new Map<string, (...args: never[]) => void>();
  #any: (event: string, message: unknown) => void = () => {};

  on(event: string, handler: (...args: never[]) => void) {
    this.#handlers.set(event, handler);
  }
  onAny(handler: (event: string, message: unknown) => void) {
    this.#any = handler;
  }
  connect() {
    this.connects += 1;
  }
  disconnect() {
    this.lose();
  }
  removeAllListeners() {
    this.#handlers.clear();
  }
  emit(event: string, data: unknown, answer: (envelope: unknown) => void) {
    this.sent.push({ event, data, answer });
  }

  come(recovered = false) {
    this.connected = true;
    this.recovered = recovered;
    this.#handlers.get('connect')?.();
  }
  lose() {
    if (!this.connected) return;
    this.connected = false;
    this.#handlers.get('disconnect')?.();
  }
  fail(error: Error) {
    this.#handlers.get('connect_error')?.(error as never);
  }
  broadcast(event: string, data: unknown) {
    this.#any(event, { type: 'broadcast', event, data, timestamp: Date.now() });
  }
}

let socket: FakeSocket;
let live: Live;

beforeEach(() => {
  vi.useFakeTimers();
  socket = new FakeSocket();
  live = new Live(() => socket as unknown as Socket);
  live.start();
});
afterEach(() => {
  live.stop();
  vi.useRealTimers();
});

test('a request made before there is a connection is sent when there is one', async () => {
  const answer = live.request('servers:get', { id: 'a' });
  expect(socket.sent).toEqual([]);
  socket.come();
  expect(socket.sent[0]).toMatchObject({ event: 'servers:get', data: { id: 'a' } });
  socket.sent[0]?.answer({ success: true, data: { server: 'it' }, timestamp: Date.now() + 5000 });
  await expect(answer).resolves.toEqual({ server: 'it' });
  expect(live.skewMs).toBe(5000);
});

test('one that waited for too long is refused when the server is back', async () => {
  const answer = live.request('servers:start', { id: 'a' });
  vi.advanceTimersByTime(121_000);
  socket.come();
  await expect(answer).rejects.toMatchObject({ code: 'offline' });
  expect(socket.sent).toEqual([]);
});

test('what is held is done in its turn, and counted until then', async () => {
  socket.come();
  socket.lose();
  const done: string[] = [];
  const first = live.hold(() => Promise.resolve(done.push('first')));
  const second = live.request('servers:get', { id: 'a' });
  const third = live.hold(() => Promise.reject(new Problem('conflict', 'no')));
  expect([live.isAway, live.nWaiting, done]).toEqual([true, 3, []]);
  socket.come();
  expect([live.isAway, live.nWaiting, done]).toEqual([false, 0, ['first']]);
  await expect(first).resolves.toBe(1);
  socket.sent[0]?.answer({ success: true, data: { server: 'it' } });
  await expect(second).resolves.toEqual({ server: 'it' });
  await expect(third).rejects.toMatchObject({ code: 'conflict' });
  expect(await live.hold(() => Promise.resolve('at once'))).toBe('at once');
});

test('what waits can be given up, each or all', async () => {
  socket.come();
  socket.lose();
  const send = vi.fn(() => Promise.resolve());
  const abort = new AbortController();
  const one = live.hold(send, abort.signal);
  const others = [live.hold(send), live.hold(send)];
  abort.abort();
  await expect(one).rejects.toMatchObject({ name: 'AbortError' });
  expect(live.nWaiting).toBe(2);
  live.dropWaiting();
  for (const other of others) await expect(other).rejects.toMatchObject({ code: 'dropped' });
  socket.come();
  expect(send).not.toHaveBeenCalled();
});

test('who reads is told when the server that was away is back', async () => {
  socket.come();
  const cut = live.whenBack();
  socket.lose();
  socket.come(true);
  await expect(cut).resolves.toBe(true);
  const abort = new AbortController();
  socket.lose();
  const left = live.whenBack(abort.signal);
  abort.abort();
  await expect(left).resolves.toBe(false);
  socket.come();
  const whole = live.whenBack(); // it broke for another reason
  vi.advanceTimersByTime(1000);
  await expect(whole).resolves.toBe(false);
});

test('one that was under way when the connection broke is refused at once', async () => {
  socket.come();
  const answer = live.request('servers:start', { id: 'a' });
  socket.lose();
  await expect(answer).rejects.toMatchObject({ code: 'connection_lost' });
  socket.come();
  expect(socket.sent.length).toBe(1);
});

test('one that is not answered is refused after a time', async () => {
  socket.come();
  const answer = live.request('servers:list');
  const refused = expect(answer).rejects.toMatchObject({ code: 'timeout' });
  vi.advanceTimersByTime(30_000);
  await refused;
});

test('a refusal of the server is a problem with its code', async () => {
  socket.come();
  const answer = live.request('servers:start', { id: 'a' });
  socket.sent[0]?.answer({ success: false, error: { code: 'conflict', message: 'no' } });
  await expect(answer).rejects.toMatchObject({ code: 'conflict', message: 'no' });
});

test('feeds ask for a picture at each connection but one that lost nothing', () => {
  const load = vi.fn();
  live.feed(load);
  socket.come();
  expect(load).toHaveBeenCalledTimes(1);
  socket.lose();
  socket.come(true);
  expect(load).toHaveBeenCalledTimes(1);
  socket.lose();
  socket.come(false);
  expect(load).toHaveBeenCalledTimes(2);
});

test('it tries again later and later, and says when', () => {
  socket.come();
  socket.lose();
  expect(live.connection).toBe('offline');
  const waits: number[] = [];
  for (let i = 0; i < 6; i++) {
    waits.push((live.retryAt ?? 0) - Date.now());
    const before = socket.connects;
    vi.advanceTimersByTime(waits[i] ?? 0);
    expect(socket.connects).toBe(before + 1);
    socket.fail(new Error('websocket error'));
  }
  expect(waits).toEqual([1000, 2000, 4000, 8000, 15000, 15000]);
  socket.come();
  expect(live.isOnline).toBe(true);
  expect(live.retryAt).toBe(null);
});

test('who is not let in is told so, and it does not try again by itself', async () => {
  const answer = live.request('servers:list');
  socket.fail(Object.assign(new Error('a key is needed'), { data: { code: 'unauthorized' } }));
  expect(live.connection).toBe('refused');
  expect(live.refusal?.needsSignIn).toBe(true);
  await expect(answer).rejects.toMatchObject({ code: 'unauthorized' });
  const before = socket.connects;
  vi.advanceTimersByTime(60_000);
  expect(socket.connects).toBe(before);
});

test('listeners hear broadcasts until they stop', () => {
  socket.come();
  const heard = vi.fn();
  const stop = live.on('models:deleted', heard);
  socket.broadcast('models:deleted', { modelId: 'm' });
  expect(heard).toHaveBeenCalledWith({ modelId: 'm' });
  stop();
  socket.broadcast('models:deleted', { modelId: 'n' });
  expect(heard).toHaveBeenCalledTimes(1);
});
