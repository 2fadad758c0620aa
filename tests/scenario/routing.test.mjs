// Whose turn it is: queues, lists of models, loading by hand, time to live,
// pins, preloads, and the reasons that are told when there is no answer.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EVENTS, LAST, Raw, Stage, WIRE, answers, chunk, json } from './lib/stage.mjs';
import { Hearth, isAlive, sleep, until } from './lib/hearth.mjs';

const FAKE = process.env.HEARTH_FAKE_ENGINE;
let stage;
const daemons = [];
const start = async (config, profiles) => {
  const rows = Object.entries(profiles).map(([name, fields]) => `  - ${JSON.stringify({ name, engine: 'command', restart_policy: 'never',
    command: [FAKE, '--port', '${port}'], ...fields })}`);
  const hearth = await Hearth.start({ config: `${config}\nprofiles:\n${rows.join('\n')}\n` });
  daemons.push(hearth);
  return hearth;
};
const wire = (fields) => ({ command: [WIRE, '--port', '${port}'], env: { STAGE_PORT: String(stage.port) }, ...fields });
const fake = (...flags) => [FAKE, '--port', '${port}', ...flags];
before(async () => { stage = await Stage.open(); });
after(async () => {
  for (const hearth of daemons) await hearth.stop();
  stage?.close();
});

const ask = (model, more = {}) => JSON.stringify({ model, messages: [], ...more });
const post = (hearth, part, body, fields = '') => `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:${hearth.port}\r\n` +
  `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nX-Part: ${part}\r\n${fields}\r\n${body}`;
const open = (hearth, part, body, fields) => new Raw(hearth.port).send(post(hearth, part, body, fields));
const answered = (raw) => until('an answer', () => answers(raw.bytes).list[0]);
const models = async (hearth) => Object.fromEntries((await hearth.request('GET', '/models')).json().data.map((row) => [row.id, row]));
const change = (hearth, how, body) => hearth.request('POST', `/models/${how}`, { body });
const isUp = (row) => ['starting', 'loading', 'ready', 'unhealthy', 'draining', 'stopping'].includes(row?.state);

test('a queue: order, place, limit, time, and leaving it', async () => {
  const hearth = await start('models_max: 0\nhealth_interval_ms: 60000', {
    one: wire({ max_concurrency: 1, queue_size: 2, queue_timeout_s: 2 }) });
  assert.equal((await hearth.chat('one')).status, 200);
  let finish;
  const order = [];
  stage.parts.held = (request, socket) => {
    order.push(JSON.parse(request.body).n);
    finish = () => socket.write(json({ ok: 1 }));
  };
  const waiting = (n) => until(`${n} waiting`, async () => (await hearth.server('one')).queue.waiting === n);
  const first = open(hearth, 'held', ask('one', { n: 0 }));
  await until('the first at the engine', () => order.length === 1);
  const second = open(hearth, 'held', ask('one', { n: 1, stream: true }), 'X-Hearth-Progress: 1\r\n');
  await waiting(1);
  const third = open(hearth, 'held', ask('one', { n: 2, stream: true }), 'X-Hearth-Progress: 1\r\n');
  await waiting(2);
  const fourth = await answered(open(hearth, 'held', ask('one', { n: 3 })));
  assert.ok([429, 503].includes(fourth.status), fourth.head);
  assert.match(fourth.head, /\r\nRetry-After: [1-9]\d*\r\n/);
  assert.match(JSON.parse(fourth.body).error.message, /one/);
  await until('its place', () => /: queued position 1\n\n/.test(second.text));
  await until('its place', () => /: queued position 2\n\n/.test(third.text));
  second.socket.destroy();
  await waiting(1);
  await until('to move up', () => /: queued position 1\n\n/.test(third.text));
  const sent = Date.now();
  const late = open(hearth, 'held', ask('one', { n: 4 }));
  const told = await answered(late);
  assert.ok([429, 503].includes(told.status), told.head);
  assert.ok(Date.now() - sent >= 1500 && Date.now() - sent < 4000, `${Date.now() - sent} ms`);
  assert.match(told.head, /\r\nRetry-After: [1-9]\d*\r\n/);
  await until('the stream to be told', () => /data: .*"error"/.test(third.text) && third.text.endsWith(LAST));
  finish();
  assert.equal((await answered(first)).status, 200);
  delete stage.parts.held;
  assert.equal((await hearth.chat('one')).status, 200);
  assert.deepEqual(order, [0], 'who left or was refused never got to the engine');
});

test('clients that leave the queue or the load leave nothing behind', async () => {
  const hearth = await start('models_max: 0\nhealth_interval_ms: 60000', {
    slow: { command: fake('--load-ms', '800'), max_concurrency: 1 } });
  const crowd = Array.from({ length: 20 }, () => open(hearth, 'x', ask('slow')));
  await until('them to wait', async () => (await hearth.server('slow')).queue.waiting === 20);
  for (const [i, raw] of crowd.entries()) if (i % 2) raw.socket.resetAndDestroy(); else raw.socket.destroy();
  await until('nobody to wait', async () => (await hearth.server('slow')).queue.waiting === 0);
  assert.equal((await hearth.chat('slow')).status, 200);
  const stats = (await hearth.request('GET', '/upstream/slow/stats')).json();
  assert.ok(stats.posts <= 2, `${stats.posts} requests came through`);
});

test('why a load failed, in each dialect, and not tried again at once', async () => {
  const hearth = await start('models_max: 2\nhealth_interval_ms: 60000', {
    broken: { command: fake('--exit-at-start', '9'), restart_policy: 'on-failure' } });
  const body = { model: 'broken', messages: [] };
  const openai = await hearth.request('POST', '/v1/chat/completions', { body });
  assert.equal(openai.status, 503, openai.text);
  assert.deepEqual(Object.keys(openai.json().error).sort(), ['code', 'message', 'param', 'type']);
  assert.match(openai.json().error.message, /9/, 'the exit code is told');
  const anthropic = await hearth.request('POST', '/v1/messages', { body });
  assert.equal(anthropic.status, 503);
  assert.equal(anthropic.json().type, 'error');
  assert.match(anthropic.json().error.message, /9/);
  assert.match(anthropic.headers['retry-after'], /^[1-9]\d*$/);
  const llama = await hearth.request('POST', '/completion', { body });
  assert.equal(llama.status, 503);
  assert.equal(llama.json().error.code, 503);
  assert.match(llama.json().error.message, /9/);
  const row = (await models(hearth)).broken;
  assert.deepEqual([row.status.value, row.status.failed, row.status.exit_code], ['unloaded', true, 9]);
  const stream = await hearth.request('POST', '/v1/chat/completions', { body: { ...body, stream: true } });
  assert.equal(stream.status, 503, 'a stream that has not begun fails with a status');
  const told = await hearth.request('POST', '/v1/chat/completions', { body: { ...body, stream: true }, headers: { 'X-Hearth-Progress': '1' } });
  assert.ok(told.status === 503 || /data: .*"error"/.test(told.text), told.text);
});

test('models as llama.cpp\'s router lists, loads and unloads them', async () => {
  const hearth = await start('models_max: 2\nhealth_interval_ms: 60000', {
    a: { aliases: ['first'], command: fake('--load-ms', '400') }, b: {}, bad: { command: fake('--exit-at-start', '5') } });
  assert.equal((await models(hearth)).a.status.value, 'unloaded');
  const said = await change(hearth, 'load', { model: 'first' });
  assert.deepEqual([said.status, said.json()], [200, { success: true }]);
  assert.equal((await models(hearth)).a.status.value, 'loading');
  const again = await change(hearth, 'load', { model: 'a' });
  assert.equal(again.status, 400);
  assert.match(again.json().error.message, /already/);
  await hearth.untilState('a', 'ready');
  const row = (await models(hearth)).a;
  assert.deepEqual([row.status.value, row.status.failed, row.aliases, row.object], ['loaded', undefined, ['first'], 'model']);
  assert.equal((await change(hearth, 'load', { model: 'nobody' })).status, 404);
  assert.ok([400, 404].includes((await change(hearth, 'unload', { model: 'nobody' })).status));
  for (const body of ['{}', '{"model":1}', '[]', '{', '']) {
    for (const how of ['load', 'unload']) {
      const answer = await change(hearth, how, body);
      assert.equal(answer.status, 400, `${how} ${body}: ${answer.text}`);
      assert.ok(answer.json().error.message);
    }
  }
  assert.equal((await hearth.request('GET', '/models/load')).status, 405);
  assert.equal((await change(hearth, 'unload', { model: 'b' })).status, 400);
  const { pid } = await hearth.server('a');
  assert.deepEqual((await change(hearth, 'unload', { model: 'a' })).json(), { success: true });
  await until('it to be gone', () => !isAlive(pid));
  await until('the list to say so', async () => (await models(hearth)).a.status.value === 'unloaded');
  assert.equal((await models(hearth)).a.status.failed, undefined, 'asked to go is not failed');
  await change(hearth, 'load', { model: 'bad' });
  const failed = await until('it to fail', async () => { const one = (await models(hearth)).bad.status; return one.failed ? one : null; });
  assert.deepEqual([failed.value, failed.exit_code], ['unloaded', 5]);
});

test('idle for its time to live: unloaded; a request in flight is not idle', async () => {
  const hearth = await start('models_max: 0\nhealth_interval_ms: 200', { brief: wire({ ttl_s: 1 }), stays: {} });
  stage.parts.long = (_, socket) => {
    socket.write(EVENTS);
    setTimeout(() => socket.write(Buffer.concat([chunk('data: [DONE]\n\n'), Buffer.from(LAST)])), 2200);
  };
  assert.equal((await hearth.chat('stays')).status, 200);
  const raw = open(hearth, 'long', ask('brief', { stream: true }));
  const answer = await answered(raw);
  const ended = Date.now();
  assert.match(answer.body.toString(), /\[DONE\]/);
  assert.ok(isUp(await hearth.server('brief')), 'it counts from the end of a request');
  await hearth.untilState('brief', 'stopped');
  assert.ok(Date.now() - ended >= 800, `after ${Date.now() - ended} ms`);
  assert.equal((await hearth.server('stays')).state, 'ready');
  assert.equal((await hearth.chat('brief')).status, 200, 'and it comes back');
});

test('preloads; never evicts what is pinned, nor what is busy; the least recently used goes', async () => {
  const hearth = await start('models_max: 2\npreload: [kept, used]\ndrain_after_ms: 300\nhealth_interval_ms: 60000', {
    kept: { pinned: true }, used: wire({}), other: {}, more: {} });
  await hearth.untilState('kept', 'ready');
  await hearth.untilState('used', 'ready');
  const { pid } = await hearth.server('kept');
  for (const model of ['other', 'more', 'other', 'used']) assert.equal((await hearth.chat(model)).status, 200, model);
  assert.equal((await hearth.server('kept')).pid, pid);
  let finish;
  stage.parts.busy = (_, socket) => { finish = () => socket.write(json({ ok: 1 })); };
  const raw = open(hearth, 'busy', ask('used'));
  await until('it to be at work', () => finish);
  const waiting = hearth.chat('other');
  await sleep(800);
  assert.ok(isUp(await hearth.server('used')), 'a busy one is let finish');
  assert.equal(raw.text, '');
  finish();
  assert.equal((await answered(raw)).status, 200);
  assert.equal((await waiting).status, 200);
  assert.equal((await hearth.server('kept')).pid, pid);
  const up = (await hearth.api('GET', '/api/servers')).data.filter(isUp).map((row) => row.profile_name);
  assert.deepEqual(up.sort(), ['kept', 'other']);
});

test('every place pinned: said at once, not waited for', async () => {
  const hearth = await start('models_max: 1\ndrain_after_ms: 200\nhealth_interval_ms: 60000', { kept: { pinned: true }, other: {} });
  assert.equal((await hearth.chat('kept')).status, 200);
  const begun = Date.now();
  const answer = await hearth.chat('other');
  assert.ok([409, 503].includes(answer.status), answer.text);
  assert.match(answer.json().error.message, /pinned/);
  assert.ok(Date.now() - begun < 5000);
  assert.equal((await hearth.server('kept')).state, 'ready');
});

test('where keys are made, each surface asks for a right one; the engine sees none', async () => {
  const hearth = await start('models_max: 0\nhealth_interval_ms: 60000', { wire: wire({}) });
  const made = await hearth.api('POST', '/api/keys', { name: 'client', scope: 'inference' });
  assert.equal(made.status, 201, JSON.stringify(made));
  const secret = made.data.secret ?? made.data.key;
  assert.match(secret, /^hk_/);
  const chat = (headers) => hearth.request('POST', '/v1/chat/completions', { body: { model: 'wire', messages: [] }, headers });
  for (const headers of [{ Authorization: `Bearer ${secret}` }, { 'X-Api-Key': secret }]) {
    assert.equal((await chat({ ...headers, 'X-Part': 'keyed' })).status, 200);
    assert.ok(!stage.of('keyed').at(-1).head.includes(secret));
  }
  for (const headers of [{ Authorization: 'Bearer hk_wrong' }, { 'X-Api-Key': `${secret}x` }, { Authorization: `Bearer ${secret}`, 'X-Api-Key': 'sk-other' },
    { Authorization: 'Bearer sk-anything' }]) {
    const answer = await chat({ ...headers, 'X-Part': 'refused' });
    assert.equal(answer.status, 401, JSON.stringify(headers));
    assert.equal(answer.json().error.type, 'authentication_error');
  }
  const anthropic = await hearth.request('POST', '/v1/messages', { body: { model: 'wire' }, headers: { 'X-Api-Key': 'no' } });
  assert.deepEqual([anthropic.status, anthropic.json().type], [401, 'error']);
  assert.equal((await hearth.request('POST', '/models/unload', { body: { model: 'wire' }, headers: { 'X-Api-Key': secret } })).status, 403);
  assert.equal((await hearth.request('GET', '/v1/models', { headers: { 'X-Api-Key': secret } })).status, 200);
  assert.equal(stage.of('refused').length, 0);
  assert.ok(!hearth.output().includes(secret));
});
