// What is looked at live is looked at no longer once the key or the session that
// it was opened with has ended: on every surface, at once.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { Hearth } from './lib/hearth.mjs';

const FAR = { 'X-Forwarded-For': '203.0.113.9' }; // loopback needs no key
const POLICY = 1008;
let hearth, silent, task;

before(async () => {
  silent = http.createServer(() => {}).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const place = `127.0.0.1:${silent.address().port}`;
  hearth = await Hearth.start({ config: `trusted_proxies: [127.0.0.1]\ndownloads.allow_http: ["${place}"]\n` +
    'cors_origins: ["https://ui.example", "https://more.example"]\n' });
  const { data, error } = await hearth.api('POST', '/api/models/download', { url: `http://${place}/never.gguf`, filename: 'never.gguf' });
  assert.ok(data, JSON.stringify(error));
  task = data.task_id;
});
after(async () => {
  await hearth?.stop();
  silent?.closeAllConnections();
  silent?.close();
});

async function session(credential) {
  const answer = await hearth.request('POST', '/api/session', { headers: FAR, body: credential });
  assert.equal(answer.status, 200, answer.text);
  return { ...FAR, Cookie: answer.headers['set-cookie'][0].split(';')[0] };
}

async function fromLink() {
  const { data } = await hearth.api('POST', '/api/session/link');
  return session({ link: new URL(data.url).searchParams.get('link') });
}

// A stream of server-sent events: {text, end}.
async function stream(target, headers) {
  const req = http.get(`${hearth.base}${target}`, { headers, agent: false });
  const [res] = await once(req, 'response');
  assert.equal(res.statusCode, 200, target);
  const view = { what: target, text: '', isOver: false, close: () => req.destroy() };
  res.on('error', () => {});
  res.on('data', (bytes) => { view.text += bytes; });
  view.end = once(res, 'end').then(() => { view.isOver = true; return view.text; }, () => {});
  if (view.text === '') await once(res, 'data');
  return view;
}

async function raw(target, headers) {
  const ws = new WebSocket(`${hearth.base.replace('http', 'ws')}${target}`, { headers });
  const view = { what: target, isOver: false, close: () => ws.terminate() };
  view.end = once(ws, 'close').then(([code, reason]) => { view.isOver = true; return [code, String(reason)]; });
  await once(ws, 'message');
  return view;
}

async function live(headers, auth) {
  const socket = io(hearth.base, { path: '/llamaproxws', transports: ['websocket'], forceNew: true,
    reconnection: false, extraHeaders: headers, auth });
  const view = { what: 'Socket.IO', isOver: false, close: () => socket.disconnect() };
  view.end = new Promise((resolve) => socket.on('disconnect', (reason) => { view.isOver = true; resolve(reason); }));
  await new Promise((resolve, reject) => { socket.on('connect', resolve); socket.on('connect_error', reject); });
  view.greets = () => socket.timeout(10000).emitWithAck('models:list', {});
  return view;
}

const everything = (headers) => Promise.all([
  live(headers), live(headers), raw(`/ws/download/${task}`, headers), stream('/api/events', headers),
  stream('/api/logs/follow', headers), stream(`/api/models/download/${task}/progress`, headers)]);

async function isEverythingOver([first, second, socket, events]) {
  assert.equal(await first.end, 'io server disconnect');
  assert.equal(await second.end, 'io server disconnect');
  assert.deepEqual(await socket.end, [POLICY, 'access has been withdrawn']);
  assert.match(await events.end, /event: end\ndata: {"reason":"access has been withdrawn"}\n\n$/);
}

test('signing out ends what other tabs of the session look at, and nobody else', { timeout: 60000 }, async () => {
  const [mine, other] = [await fromLink(), await fromLink()];
  const tabs = await everything(mine), others = await everything(other);
  const answer = await hearth.request('DELETE', '/api/session', { headers: mine });
  assert.equal(answer.status, 204);
  await isEverythingOver(tabs);
  await Promise.all(tabs.map((view) => view.end));
  assert.equal((await others[0].greets()).success, true); // after whatever else was to come
  assert.deepEqual(others.filter((view) => view.isOver).map((view) => view.what), []);
  assert.equal((await hearth.request('GET', '/api/models', { headers: mine })).status, 401);
  await assert.rejects(live(mine));
  others.forEach((view) => view.close());
});

test('an origin that is let in no longer looks at nothing more', { timeout: 60000 }, async () => {
  const from = (Origin) => everything({ Origin });
  const [gone, stays] = [await from('https://ui.example'), await from('https://more.example')];
  const file = path.join(hearth.dir, 'hearth.yaml');
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('https://ui.example', 'https://new.example'));
  process.kill(hearth.pid, 'SIGHUP');
  await isEverythingOver(gone);
  await Promise.all(gone.map((view) => view.end));
  assert.equal((await stays[0].greets()).success, true);
  assert.deepEqual(stays.filter((view) => view.isOver).map((view) => view.what), []);
  stays.forEach((view) => view.close());
});

test('a revoked key ends what it opened, by itself and by its session', { timeout: 60000 }, async () => {
  const { data: key } = await hearth.api('POST', '/api/keys', { name: 'tabs', scope: 'admin' });
  const byKey = await everything({ ...FAR, Authorization: `Bearer ${key.secret}` });
  const bySession = await everything(await session({ key: key.secret }));
  const other = await live(await fromLink());
  assert.equal((await hearth.api('DELETE', `/api/keys/${key.id}`)).status, 204);
  for (const views of [byKey, bySession]) {
    await isEverythingOver(views);
    await Promise.all(views.map((view) => view.end));
  }
  assert.equal((await other.greets()).success, true);
  other.close();
});
