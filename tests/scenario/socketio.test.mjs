// The dashboard's live protocol: the official client against the real daemon,
// then every form of the wire from plain WebSockets and raw sockets.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import WebSocket from 'ws';
import { Hearth, sleep, until, writeModel } from './lib/hearth.mjs';

let hearth, hasty; // the second waits for nobody
before(async () => {
  [hearth, hasty] = await Promise.all([
    Hearth.start({
      models: { one: { say: 'a b c' }, two: { say: 'd e f' } },
      config: 'socketio.ping_interval_ms: 1000\nsocketio.ping_timeout_ms: 20000\n' +
        'socketio.max_payload_bytes: 65536\n',
    }),
    Hearth.start({
      config: 'socketio.ping_interval_ms: 200\nsocketio.ping_timeout_ms: 300\n' +
        'socketio.connect_timeout_ms: 400\n',
    }),
  ]);
});
after(() => Promise.all([hearth.stop(), hasty.stop()]));

// ---- the official client ----

const open = [];
after(() => open.forEach((socket) => socket.disconnect()));

function dial(options = {}) {
  const socket = io(hearth.base, {
    path: '/llamaproxws', transports: ['websocket'], forceNew: true, reconnectionDelay: 20,
    reconnectionDelayMax: 50, ...options });
  socket.heard = [];
  socket.onAny((...args) => socket.heard.push(args));
  open.push(socket);
  return socket;
}

async function join(options) {
  const socket = dial(options);
  await new Promise((resolve, reject) => {
    socket.on('connect', resolve);
    socket.on('connect_error', reject);
  });
  return socket;
}

const hear = (socket, event, matches = () => true) => until(event, () => {
  const found = socket.heard.find(([name, body]) => name === event && matches(body));
  return found?.[1];
});

let nextId = 0;
async function ask(socket, event, payload = {}, { wrapped = false } = {}) {
  const requestId = `req_${Date.now()}_${++nextId}`;
  socket.emit(event, wrapped
    ? { type: 'request', event, data: payload, requestId, timestamp: Date.now(), version: '1.0' }
    : { ...payload, requestId });
  return hear(socket, `${event}:result`, (body) => body.requestId === requestId);
}

function isResponse(answer, event) {
  assert.equal(answer.type, 'response');
  assert.equal(answer.event, event);
  assert.equal(typeof answer.success, 'boolean');
  assert.ok(Math.abs(answer.timestamp - Date.now()) < 600000, 'milliseconds');
}

test('a client joins and is greeted, and greeted again when it asks', async () => {
  const socket = await join();
  const greeting = await hear(socket, 'connection:established');
  assert.equal(greeting.type, 'broadcast');
  assert.equal(greeting.data.clientId, socket.id);
  assert.equal(greeting.clientId, socket.id);
  socket.heard.length = 0;
  socket.emit('connection:ack');
  await hear(socket, 'connection:established');
});

test('requests: flat, wrapped, and by acknowledgement', async () => {
  const socket = await join();
  const flat = await ask(socket, 'models:list');
  isResponse(flat, 'models:list');
  assert.deepEqual(flat.data.models.map((model) => model.name).sort(), ['one', 'two']);
  const { id } = flat.data.models[0];
  for (const wrapped of [false, true]) {
    const one = await ask(socket, 'models:get', { modelId: id }, { wrapped });
    assert.equal(one.success, true, JSON.stringify(one));
    assert.equal(one.data.model.id, id);
    assert.equal((await ask(socket, 'models:list', { q: 'two' }, { wrapped })).data.models.length, 1);
  }
  const acknowledged = await socket.emitWithAck('models:get', { modelId: id });
  isResponse(acknowledged, 'models:get');
  assert.equal(acknowledged.data.model.id, id);
  assert.equal(acknowledged.requestId, null);
});

test('errors have the codes of REST, and events that do not exist theirs', async () => {
  const socket = await join();
  const codes = {};
  for (const [event, payload] of [
    ['models:get', { modelId: 'none' }], ['models:get', {}], ['no:such', {}], ['presets:read', { filename: 'none' }],
    ['models:list', { limit: 0 }], ['settings:update', { settings: { models_max: 'x' } }],
    ['settings:update', { settings: { 'civitai.token': 'x' } }], ['__proto__', {}],
  ])
    codes[`${event} ${JSON.stringify(payload)}`] = (await ask(socket, event, payload)).error.code;
  assert.deepEqual(codes, {
    'models:get {"modelId":"none"}': 'not_found', 'models:get {}': 'invalid',
    'no:such {}': 'UNKNOWN_EVENT', 'presets:read {"filename":"none"}': 'not_found',
    'models:list {"limit":0}': 'invalid',
    'settings:update {"settings":{"models_max":"x"}}': 'invalid',
    'settings:update {"settings":{"civitai.token":"x"}}': 'forbidden',
    '__proto__ {}': 'UNKNOWN_EVENT',
  });
});

test('a requestId that is too long is told', async () => {
  const socket = await join();
  const answer = await socket.emitWithAck('models:list', { requestId: 'x'.repeat(300) });
  assert.deepEqual([answer.success, answer.requestId, answer.error],
    [false, null, { code: 'invalid', message: 'requestId must be at most 256 bytes of JSON' }]);
  assert.equal((await ask(socket, 'models:list')).success, true);
});

test('a text that was cut within a character is taken', async () => {
  const socket = await join();
  const answer = await ask(socket, 'models:get', { modelId: 'x😀'.slice(0, 2) });
  assert.equal(answer.error.message, 'there is no model "x\ufffd" in the library');
});

test('every listing answers as its route does', async () => {
  const socket = await join();
  for (const [event, member, target] of [
    ['profiles:list', 'profiles', '/api/profiles'], ['downloads:list', 'downloads', '/api/models/downloads'],
    ['downloads:active', 'downloads', '/api/models/downloads/active'],
    ['servers:list', 'servers', '/api/servers'], ['settings:get', 'settings', '/api/settings'],
    ['system:engines', 'engines', '/api/system/engines'],
    ['models:duplicates', 'groups', '/api/models/duplicates'],
  ]) {
    const answer = await ask(socket, event);
    assert.equal(answer.success, true, `${event}: ${JSON.stringify(answer.error)}`);
    assert.deepEqual(answer.data[member], (await hearth.request('GET', target)).json().data, event);
  }
  process.kill(hearth.pid, 'SIGHUP'); // which is logged
  const told = await hear(socket, 'logs:entry');
  const logs = await until('a stored log', async () => {
    const answer = await ask(socket, 'logs:get', { limit: 1 });
    return answer.data.logs.length && answer;
  });
  assert.equal(logs.data.logs[0].message, told.data.entry.message);
  assert.equal(logs.data.logs.length, 1);
  assert.deepEqual(Object.keys(logs.data.logs[0]).sort(), ['id', 'level', 'message', 'source', 'timestamp']);
  assert.equal((await ask(socket, 'system:health')).success, true);
});

test('a change is heard by everybody, the sender included', async () => {
  const [a, b] = [await join(), await join()];
  const [model] = (await ask(a, 'models:list')).data.models;
  const done = await ask(a, 'models:toggle-favorite', { modelId: model.id, favorite: true });
  assert.equal(done.data.model.is_favourite, true);
  const set = await ask(a, 'settings:update', { settings: { models_max: 3 } });
  assert.equal(set.data.settings.models_max.value, 3);
  for (const socket of [a, b]) {
    const told = await hear(socket, 'models:updated');
    assert.equal(told.type, 'broadcast');
    assert.equal(told.event, 'models:updated');
    assert.equal(told.data.model.id, model.id);
    assert.equal(told.data.model.is_favourite, true);
    const settings = await hear(socket, 'settings:updated');
    assert.equal(settings.data.settings.models_max.value, 3);
  }
});

test('what is measured: now, as often as one wants, and before', async () => {
  const [socket, other] = [await join(), await join()];
  const { metrics } = await until('a sample', async () => {
    const { data } = await ask(socket, 'metrics:get');
    return data.metrics && data.metrics.cpu.usage !== null && data;
  });
  assert.ok(metrics.memory.used > 0 && metrics.memory.used < 100, JSON.stringify(metrics.memory));
  assert.equal(metrics.memory.totalBytes, metrics.sample.readings.memory_total_bytes);
  assert.equal(typeof metrics.uptime, 'number');
  assert.ok(metrics.disk.used > 0 && Array.isArray(metrics.gpu.list));
  for (const interval of [999, 60001, '1000', 1000.5])
    assert.equal((await ask(socket, 'metrics:subscribe', { interval })).error.code, 'invalid');
  assert.deepEqual((await ask(socket, 'metrics:subscribe', { interval: 1000 })).data, { interval: 1000 });
  await ask(other, 'metrics:unsubscribe');
  other.heard.length = socket.heard.length = 0;
  await until('three updates', () => socket.heard.filter(([name]) => name === 'metrics:update').length >= 3);
  const update = await hear(socket, 'metrics:update');
  assert.equal(update.type, 'broadcast');
  assert.ok(update.data.metrics.memory.used > 0);
  assert.equal(other.heard.filter(([name]) => name === 'metrics:update').length, 0);
  assert.deepEqual((await ask(socket, 'metrics:update-interval', { interval: 60000 })).data, { interval: 60000 });
  const { history } = await until('a history', async () => {
    const { data } = await ask(socket, 'metrics:history', { limit: 60 });
    return data.history.length && data;
  });
  assert.ok(history.at(-1).memory.used > 0 && history.at(-1).timestamp > 1e12, JSON.stringify(history));
  for (const limit of [0, -1, '5', 1.5, []])
    assert.equal((await ask(socket, 'metrics:history', { limit })).error?.code, 'invalid', `limit ${limit}`);
  for (const range of [{ limit: 1000 }, { limit: 1e6 }, { limit: 1e15 }, { from: 0 }, { limit: null, from: null }])
    assert.ok((await ask(socket, 'metrics:history', range)).data.history.length > 0, JSON.stringify(range));
  assert.equal((await ask(socket, 'metrics:history', { from: 'now' })).error?.code, 'invalid');
});

test('a model is deleted, and a scan finds another', async () => {
  const [a, b] = [await join(), await join()];
  const { models } = (await ask(a, 'models:list')).data;
  const gone = models.find((model) => model.name === 'two');
  const answer = await ask(a, 'models:delete-files', { modelId: gone.id });
  assert.deepEqual(answer.data, { deletedId: gone.id });
  assert.equal((await hear(b, 'models:deleted')).data.modelId, gone.id);
  writeModel(`${hearth.models}/three.gguf`, { say: 'g' });
  const scanned = await ask(a, 'models:scan');
  assert.equal(scanned.data.total, 2);
  assert.equal((await hear(b, 'models:created')).data.model.name, 'three');
  await hear(b, 'models:scanned');
  fs.rmSync(`${hearth.models}/three.gguf`);
  const cleaned = await ask(a, 'models:cleanup'); // the watch may have been faster
  assert.ok([0, 1].includes(cleaned.data.deletedCount), JSON.stringify(cleaned));
  await hear(b, 'models:deleted', (body) => body.data.modelId !== gone.id);
  assert.equal((await ask(a, 'models:list')).data.models.length, 1);
});

test('a model is archived and brought back', async () => {
  const socket = await join();
  const { id, path: before } = (await ask(socket, 'models:list')).data.models[0];
  const there = await ask(socket, 'models:move', { modelId: id, to: 'archive' });
  assert.deepEqual([there.success, there.data.moved_count], [true, 1], JSON.stringify(there));
  const back = await ask(socket, 'models:move', { modelId: id, category: 'active', location: there.data.new_path });
  assert.equal(back.data.new_path, before, JSON.stringify(back));
  assert.equal((await ask(socket, 'models:move', { modelId: id, to: 'attic' })).error.code, 'invalid');
});

test('a model is loaded and unloaded', { skip: !process.env.HEARTH_LLAMA_SERVER }, async () => {
  const [a, b] = [await join(), await join()];
  const loaded = await ask(a, 'models:load', { modelName: 'one' });
  assert.equal(loaded.success, true, JSON.stringify(loaded));
  assert.equal(loaded.data.status, 'loaded');
  assert.equal(loaded.data.modelName, 'one');
  await hear(b, 'models:status', (body) => body.data.status === 'loading');
  await hear(b, 'models:status', (body) => body.data.status === 'loaded');
  const unloaded = await ask(a, 'models:unload', { modelName: 'one' });
  assert.equal(unloaded.data.status, 'unloaded');
  await hear(b, 'models:status', (body) => body.data.status === 'unloaded');
});

test('a client that was cut off is sent what it missed, once and in order', async () => {
  const socket = await join();
  await hear(socket, 'connection:established');
  const { id } = socket;
  socket.heard.length = 0;
  const [model] = (await (await hearth.request('GET', '/api/models')).json()).data;
  const cut = once(socket, 'disconnect');
  socket.io.engine.transport.ws._socket?.destroy();
  socket.io.engine.close();
  await cut;
  const other = await join();
  for (const tag of ['a', 'b', 'c'])
    await ask(other, 'models:update', { modelId: model.id, updates: { tags: [tag] } });
  await hear(other, 'models:updated', (body) => body.data.model.tags[0] === 'c');
  if (!socket.connected) socket.connect();
  await until('a recovered client', () => socket.connected);
  assert.equal(socket.recovered, true);
  assert.equal(socket.id, id);
  await hear(socket, 'connection:established');
  assert.deepEqual(socket.heard.filter(([name]) => name === 'models:updated')
    .map(([, body]) => body.data.model.tags[0]), ['a', 'b', 'c']);
  assert.equal(socket.heard.filter(([name]) => name.endsWith(':result')).length, 0,
    'answers to others are not among it');
});

test('a client that was cut off is told of what is measured as often as before', async () => {
  const [often, never] = [await join(), await join()];
  await ask(often, 'metrics:subscribe', { interval: 1000 });
  await ask(never, 'metrics:unsubscribe');
  const updates = (socket) => socket.heard.filter(([name]) => name === 'metrics:update').length;
  for (const socket of [often, never]) {
    const cut = once(socket, 'disconnect');
    socket.io.engine.close();
    await cut;
    socket.heard.length = 0;
    if (!socket.connected) socket.connect();
    await until('a recovered client', () => socket.connected);
    assert.equal(socket.recovered, true);
  }
  // Every ten seconds is what one gets who never asked.
  await until('four updates', () => updates(often) >= 4, 9000);
  assert.equal(updates(never), 0);
  // Who leaves and joins again is a new client.
  never.disconnect();
  never.heard.length = 0;
  never.connect();
  await until('an update', () => updates(never) >= 1);
});

test('two hundred clients hear the same', async () => {
  const sockets = await Promise.all(Array.from({ length: 200 }, () => join()));
  await ask(sockets[0], 'settings:update', { settings: { models_max: 5 } });
  for (const socket of sockets)
    assert.equal((await hear(socket, 'settings:updated')).data.settings.models_max.value, 5);
  assert.equal(new Set(sockets.map((socket) => socket.id)).size, 200);
  sockets.forEach((socket) => socket.disconnect());
});

// ---- keys ----

test('keys: in auth, of a scope, wrong, revoked', async () => {
  const make = async (scope) => (await hearth.api('POST', '/api/keys', { name: scope, scope })).data;
  const [read, inference, admin] = [await make('read'), await make('inference'), await make('admin')];
  const reader = await join({ auth: { key: read.secret } });
  assert.equal((await ask(reader, 'models:list')).success, true);
  assert.equal((await ask(reader, 'models:scan')).error.code, 'forbidden');
  const master = await join({ auth: { token: `Bearer ${admin.secret}` } });
  assert.equal((await ask(master, 'settings:update', { settings: { 'civitai.token': 'x' } })).success, true);
  for (const [key, code] of [['hk_wrong', 'unauthorized'], [inference.secret, 'forbidden'],
    ['x'.repeat(5000), 'unauthorized']])
    await assert.rejects(join({ auth: { key }, reconnection: false }), (error) => {
      assert.equal(error.data.code, code);
      return true;
    });
  const told = once(reader, 'disconnect');
  const seen = [];
  reader.onAny((event) => seen.push(event));
  const masters = once(master, 'keys:changed');
  await hearth.api('DELETE', `/api/keys/${read.id}`);
  const [reason] = await told; // at once, not at the next heartbeat
  assert.equal(reason, 'io server disconnect');
  await masters;
  assert.deepEqual(seen.filter((event) => event === 'keys:changed'), []);
});

// ---- the wire ----

const url = (daemon, query = 'EIO=4&transport=websocket') =>
  `ws://127.0.0.1:${daemon.port}/llamaproxws/?${query}`;

class Wire {
  static async open({ query, daemon = hearth, join: joins = true } = {}) {
    const wire = new Wire();
    wire.ws = new WebSocket(url(daemon, query), { perMessageDeflate: true });
    wire.got = [];
    wire.closed = new Promise((resolve) => wire.ws.on('close', (code) => { wire.isClosed = true; resolve(code); }));
    wire.ws.on('error', () => {});
    wire.ws.on('message', (data, isBinary) => {
      const text = isBinary ? data : data.toString();
      if (text === '2') wire.ws.send('3');
      else wire.got.push(text);
    });
    await once(wire.ws, 'open');
    if (joins) {
      wire.ws.send('40');
      await wire.until((text) => text.startsWith('42["connection:established"'));
    }
    return wire;
  }

  send(...messages) { messages.forEach((message) => this.ws.send(message)); }

  until(matches) { return until('a message', () => this.got.find(matches)); }

  // Resolves once all that was sent before was looked at.
  async settle() {
    this.send('42999["no:such",{"requestId":"settle"}]');
    await this.until((text) => text.startsWith('43999['));
    this.got = this.got.filter((text) => !text.startsWith('43999['));
  }
}

test('the open packet has five members, and joining gives two ids', async () => {
  const wire = await Wire.open({ join: false, query: 't=abc&transport=websocket&b64=1&EIO=4' });
  assert.equal(wire.ws.extensions, '');
  const first = await wire.until((text) => text[0] === '0');
  const opened = JSON.parse(first.slice(1));
  assert.deepEqual({ ...opened, sid: '' },
    { sid: '', upgrades: [], pingInterval: 1000, pingTimeout: 20000, maxPayload: 65536 });
  assert.match(opened.sid, /^[\w-]{20}$/);
  wire.send('40{"token":""}');
  const joined = JSON.parse((await wire.until((text) => text.startsWith('40'))).slice(2));
  assert.deepEqual(Object.keys(joined), ['sid', 'pid']);
  assert.notEqual(joined.sid, opened.sid);
  const greeting = JSON.parse((await wire.until((text) => text.startsWith('42'))).slice(2));
  assert.equal(typeof greeting.at(-1), 'string', 'the offset is last');
  wire.ws.close();
});

test('acknowledgements carry the id, zero as well; namespaces are refused', async () => {
  const wire = await Wire.open();
  wire.send('420["models:list",{}]', '4212["models:get",{"modelId":"none"}]', '40/nope,{"a":1}', '40/other');
  assert.match(await wire.until((text) => text.startsWith('430[')), /"success":true/);
  assert.match(await wire.until((text) => text.startsWith('4312[')), /"not_found"/);
  await wire.until((text) => text === '44/nope,{"message":"Invalid namespace"}');
  await wire.until((text) => text === '44/other,{"message":"Invalid namespace"}');
  await wire.settle();
  wire.ws.close();
});

test('what is tolerated leaves the connection open', async () => {
  const wire = await Wire.open();
  wire.send('3', '3probe', '5', '6', '0', '43[1]', '4312[]', '42["no:such"]', '42[1,2]', '42',
    '452-["no:such",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
  wire.ws.send(Buffer.from('a'));
  wire.send('3');
  wire.ws.send(Buffer.from('b'));
  await wire.settle();
  wire.send('451-7["models:list",{"a":{"_placeholder":true,"num":0}}]');
  wire.ws.send(Buffer.alloc(100));
  await wire.until((text) => text.startsWith('437['));
  wire.send('41', '40');
  await until('a second joining', () => wire.got.filter((text) => text.startsWith('40{')).length === 2);
  await wire.settle();
  wire.ws.close();
});

const closing = {
  '2': ['2'], '2probe': ['2probe'], '7': ['7'], '9': ['9'], 'a letter': ['b4'], 'nothing': [''],
  'close': ['1'], '4 alone': ['4'], '48': ['48[]'], '42{}': ['42{}'], '42[]': ['42[]'], '42"x"': ['42"x"'],
  '42[null]': ['42[null]'], '42[{}]': ['42[{}]'], 'broken JSON': ['42["a"'], '42abc': ['42abc["a"]'],
  '41{}': ['41{}'], '43{}': ['43{}'], 'connect error': ['44{"message":"m"}'], 'joined twice': ['40'],
  'not joined': ['42/custom,["a"]'], 'left': ['41', '42["a"]'],
  'reserved': ['42["disconnect"]'], 'newListener': ['42["newListener"]'],
  'no attachments': ['450-["a"]'], 'eleven attachments': ['4511-["a"]'], 'no dash': ['451["a"]'],
  'a bad placeholder': ['451-["a",{"_placeholder":true,"num":1}]', Buffer.from('a')],
  'text for an attachment': ['451-["a",{"_placeholder":true,"num":0}]', '42["a"]'],
  'bytes that nobody awaits': [Buffer.from('a')], 'bad UTF-8': [Buffer.from([0x34, 0xff]), 1007],
};
for (const [name, messages] of Object.entries(closing))
  test(`closes: ${name}`, async () => {
    const wire = await Wire.open();
    const code = typeof messages.at(-1) === 'number' ? messages.at(-1) : 0;
    for (const message of messages)
      if (typeof message !== 'number') wire.ws.send(message, { binary: typeof message !== 'string' && !code });
    const got = await wire.closed;
    if (code) assert.equal(got, code);
  });

for (const [name, message] of Object.entries({
  'an event': '42["a"]', 'an array': '40[]', 'a text': '40"x"', 'broken JSON': '40{' }))
  test(`closes before joining: ${name}`, async () => {
    const wire = await Wire.open({ join: false });
    wire.send(message);
    await wire.closed;
  });

test('who does not join in time is closed, and who does not answer', async () => {
  const idle = await Wire.open({ daemon: hasty, join: false });
  const mute = new WebSocket(url(hasty));
  const gone = once(mute, 'close');
  await once(mute, 'open');
  mute.send('40');
  await Promise.all([idle.closed, gone]);
});

test('pid and offset that are no good make an ordinary client', async () => {
  const wire = await Wire.open();
  const joined = JSON.parse(wire.got.find((text) => text.startsWith('40{')).slice(2));
  const offset = JSON.parse(wire.got.find((text) => text.startsWith('42')).slice(2)).at(-1);
  const resume = async (auth) => {
    const other = await Wire.open({ join: false });
    other.send(`40${JSON.stringify(auth)}`);
    const answer = JSON.parse((await other.until((text) => text.startsWith('40{'))).slice(2));
    other.send('41');
    other.ws.close();
    return answer.pid === joined.pid && answer.sid === joined.sid;
  };
  assert.equal(await resume({ pid: joined.pid, offset }), false, 'it is alive');
  wire.ws.terminate();
  await sleep(100);
  for (const auth of [{ pid: 'none', offset }, { pid: joined.pid, offset: '99999999' },
    { pid: joined.pid, offset: 'x' }, { pid: joined.pid, offset: 5 }, { pid: 5, offset }, { pid: joined.pid }])
    assert.equal(await resume(auth), false, JSON.stringify(auth));
  assert.equal(await resume({ pid: joined.pid, offset }), true);
  assert.equal(await resume({ pid: joined.pid, offset }), false, 'it left with 41');
});

test('a client may not ask without end', async () => {
  const wire = await Wire.open();
  for (let i = 0; i < 1000; i++) wire.ws.send(`42${i}["no:such",{}]`);
  assert.match(await wire.until((text) => text.startsWith('43999[')), /too_many_requests/);
  wire.ws.close();
});

// ---- raw sockets ----

function talk(text) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(hearth.port, '127.0.0.1');
    const got = [];
    socket.setTimeout(10000, () => reject(new Error(`no end after: ${Buffer.concat(got)}`)));
    socket.on('data', (bytes) => {
      got.push(bytes);
      const all = Buffer.concat(got).toString('latin1');
      const length = /content-length: (\d+)/i.exec(all);
      const at = all.indexOf('\r\n\r\n') + 4;
      if (at > 3 && (!length || all.length >= at + Number(length[1]))) {
        socket.destroy();
        resolve({ status: Number(all.slice(9, 12)), head: all.slice(0, at), body: all.slice(at) });
      }
    });
    socket.on('error', reject);
    socket.write(text, 'latin1');
  });
}

const upgrade = { Upgrade: 'websocket', Connection: 'keep-alive, Upgrade',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version': '13' };
const head = (method, target, fields) => `${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1:${hearth.port}\r\n` +
  Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join('') + '\r\n';
const without = (name) => Object.fromEntries(Object.entries(upgrade).filter(([key]) => key !== name));
const good = '/llamaproxws/?EIO=4&transport=websocket';
const json = (code, message) => JSON.stringify({ code, message });

const refusals = {
  'EIO missing': ['GET', '/llamaproxws/?transport=websocket', upgrade, 400, json(5, 'Unsupported protocol version')],
  'EIO 3': ['GET', '/llamaproxws/?EIO=3&transport=websocket', upgrade, 400, json(5, 'Unsupported protocol version')],
  'no transport': ['GET', '/llamaproxws/?EIO=4', upgrade, 400, 'Transport unknown'],
  'polling, upgrade': ['GET', '/llamaproxws/?EIO=4&transport=polling', upgrade, 400, 'Transport unknown'],
  'a sid': ['GET', `${good}&sid=abc`, upgrade, 400, 'Session ID unknown'],
  'sid __proto__': ['GET', `${good}&sid=__proto__`, upgrade, 400, 'Session ID unknown'],
  'POST, upgrade': ['POST', good, upgrade, 400, 'Bad handshake method'],
  'no key': ['GET', good, without('Sec-WebSocket-Key'), 400],
  'a short key': ['GET', good, { ...upgrade, 'Sec-WebSocket-Key': 'abc' }, 400],
  'version 8': ['GET', good, { ...upgrade, 'Sec-WebSocket-Version': '8' }, 426],
  'polling': ['GET', '/llamaproxws/?EIO=4&transport=polling', {}, 400, json(0, 'Transport unknown')],
  'POST polling': ['POST', '/llamaproxws/?EIO=4&transport=polling', { 'Content-Length': 0 }, 400, json(0, 'Transport unknown')],
  'no upgrade': ['GET', good, {}, 400, json(3, 'Bad request')],
  'no upgrade, a sid': ['GET', `${good}&sid=abc`, {}, 400, json(1, 'Session ID unknown')],
  'POST': ['POST', good, { 'Content-Length': 0 }, 400, json(2, 'Bad handshake method')],
  'a foreign origin': ['GET', good, { ...upgrade, Origin: 'http://elsewhere.example' }, 403, json(4, 'Forbidden')],
  'a foreign host': ['GET', good, { ...upgrade, 'X-Forwarded-Host': 'a', Origin: 'null' }, 403, json(4, 'Forbidden')],
  'another path': ['GET', '/llamaproxws/more?EIO=4&transport=websocket', upgrade, 404],
};
for (const [name, [method, target, fields, status, body]] of Object.entries(refusals))
  test(`refused: ${name}`, async () => {
    const answer = await talk(head(method, target, fields));
    assert.equal(answer.status, status, answer.head);
    if (body !== undefined) assert.equal(answer.body, body);
    if (status === 426) assert.match(answer.head, /Sec-WebSocket-Version: 13/i);
  });

test('taken: no slash, any case of the upgrade, no extension that was not asked for', async () => {
  for (const [target, fields] of [['/llamaproxws?EIO=4&transport=websocket', upgrade],
    [good, { ...upgrade, Upgrade: 'WebSocket' }]]) {
    const answer = await talk(head('GET', target, fields));
    assert.equal(answer.status, 101);
    assert.match(answer.head, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i);
    assert.doesNotMatch(answer.head, /extensions|protocol:/i);
  }
});

test('a message that declares too much is refused before it comes', async () => {
  const wire = await Wire.open();
  wire.ws._socket.write(Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x70, 1, 2, 3, 4]));
  assert.equal(await wire.closed, 1009);
});

test('a client that reads late gets all its answers, in order', async () => {
  const wire = await Wire.open();
  const got = [];
  wire.ws.on('message', (data) => {
    const id = /^43(\d+)\[/.exec(data.toString().slice(0, 20));
    if (id) got.push(Number(id[1]));
  });
  wire.ws._socket.pause();
  for (let i = 0; i < 350; i++) wire.send(`42${i}["settings:get"]`);
  await sleep(1000);
  wire.ws._socket.resume();
  await until('the last answer', () => got.at(-1) === 349);
  assert.deepEqual(got, Array.from({ length: 350 }, (_, i) => i));
  await wire.settle();
  wire.ws.close();
});

// Whether the daemon's side of a connection is there, as the system has it.
function isConnected(port) {
  const hex = (number) => number.toString(16).toUpperCase().padStart(4, '0');
  const row = new RegExp(`^ *\\d+: [0-9A-F]+:${hex(hearth.port)} [0-9A-F]+:${hex(port)} `, 'm');
  return row.test(fs.readFileSync('/proc/net/tcp', 'utf8'));
}

test('a client that never reads is cut off, and nobody waits for it', async () => {
  const [deaf, deafer, gone] = [await Wire.open(), await Wire.open(), await Wire.open()];
  const { pid } = JSON.parse(gone.got.find((text) => text.startsWith('40{')).slice(2));
  const offset = JSON.parse(gone.got.find((text) => text.startsWith('42')).slice(2)).at(-1);
  gone.ws.terminate();
  deaf.ws._socket.pause();
  deafer.ws._socket.pause();
  const socket = await join();
  // More than the system's buffers take on the way, and then some.
  let nBytes = 0;
  for (let i = 0; nBytes < 16e6; i++) {
    const answers = await Promise.all(Array.from({ length: 16 }, (_, j) =>
      socket.emitWithAck('settings:update', { settings: { models_max: 1 + (i + j) % 100 } })));
    for (const answer of answers)
      if (answer.success) nBytes += JSON.stringify(answer).length;
      else assert.equal(answer.error.code, 'too_many_requests');
    socket.heard.length = 0;
  }
  assert.ok(socket.connected);
  deaf.ws._socket.resume();
  assert.equal(await deaf.closed, 1008);
  // One that is asleep cannot say goodbye.
  await until('the end of the other', () => !isConnected(deafer.ws._socket.localPort), 40000);
  deafer.ws.terminate();
  // So much is not kept for who was away.
  const back = await Wire.open({ join: false });
  back.send(`40${JSON.stringify({ pid, offset })}`);
  assert.notEqual(JSON.parse((await back.until((text) => text.startsWith('40{'))).slice(2)).pid, pid);
  assert.equal(back.got.filter((text) => text.includes('settings:updated')).length, 0);
  back.ws.close();
});

test('a reader of server-sent events that sleeps is not waited for', async () => {
  const asking = http.get(`${hearth.base}/api/events`, { agent: false });
  const [stream] = await once(asking, 'response');
  asking.on('error', () => {});
  stream.on('error', () => {});
  stream.pause();
  const long = 'x'.repeat(900000);
  const { data } = await hearth.api('POST', '/api/profiles', { name: 'long', engine: 'command', command: ['/bin/true', '0'] });
  for (let i = 1; i <= 20; i++) { // more than the system's buffers take
    const answer = await hearth.api('PUT', `/api/profiles/${data.id}`, { command: ['/bin/true', `${i}${long}`] });
    assert.equal(answer.status, 200, JSON.stringify(answer).slice(0, 300));
  }
  await until('the end of the connection', () => !isConnected(stream.socket.localPort), 40000);
  asking.destroy();
  await hearth.api('DELETE', `/api/profiles/${data.id}`);
});
