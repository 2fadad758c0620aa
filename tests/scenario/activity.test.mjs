// Activity: each inference request as a row, those under way with a way to end
// them, over REST, events, Socket.IO and the command line; with the real
// llama-server and with an engine that is slow on command.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import { HEARTH, Hearth, request, until } from './lib/hearth.mjs';

const FAKE = process.env.HEARTH_FAKE_ENGINE;
const profile = (name, fields) => `  - ${JSON.stringify({ name, engine: 'command', restart_policy: 'never', ...fields })}`;
const fake = (...flags) => [FAKE, '--port', '${port}', ...flags];

let hearth;
const sockets = [];
before(async () => {
  hearth = await Hearth.start({ models: { red: { say: 'apple brick cherry ember flame' } },
    config: `models_max: 0\nprofiles:\n${[
      profile('slow', { command: fake('--load-ms', '400'), max_concurrency: 1 }),
      profile('plain', { command: fake('--chunks', '40') }),
    ].join('\n')}\n` });
});
after(async () => {
  sockets.forEach((socket) => socket.disconnect());
  await hearth.stop();
});

const list = async (query = '') => (await hearth.api('GET', `/api/activity${query}`)).data;
const active = async () => (await hearth.api('GET', '/api/activity/active')).data;
const chat = (model, extra, headers = {}) => hearth.request('POST', '/v1/chat/completions',
  { body: { model, messages: [{ role: 'user', content: 'hi' }], ...extra }, headers });

// A request that is not waited for; `answer` resolves to {status, text} or the error.
function send(model, fakeOptions, extra = {}) {
  const body = JSON.stringify({ model, messages: [], ...extra });
  const sent = { text: '' };
  sent.answer = new Promise((resolve) => {
    sent.req = http.request({ host: '127.0.0.1', port: hearth.port, method: 'POST', agent: false,
      path: '/v1/chat/completions',
      headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), 'X-Fake': fakeOptions } },
    (res) => {
      sent.status = res.statusCode;
      res.on('data', (bytes) => { sent.text += bytes; });
      res.on('end', () => resolve({ status: res.statusCode, text: sent.text }));
      res.on('error', (error) => resolve({ status: sent.status, error }));
    });
    sent.req.on('error', (error) => resolve({ status: sent.status, error }));
    sent.req.end(body);
  });
  return sent;
}
const inPhase = (model, phase) => until(`${model} ${phase}`, async () =>
  (await active()).find((row) => row.model === model && row.phase === phase));
const ended = (id) => until('its row', async () => {
  const { status, data } = await hearth.api('GET', `/api/activity/${id}`);
  return status === 200 && data;
});

function hearthCommand(...args) {
  return new Promise((resolve) => {
    execFile(HEARTH, [...args, '--data-dir', hearth.data], { env: { ...process.env, HEARTH_API_KEY: '', HEARTH_URL: '' } },
      (error, out, err) => resolve({ code: error ? error.code : 0, out, err }));
  });
}

test('a request of the real engine is a row with its times, tokens and speed', async () => {
  const before = Date.now();
  const answer = await chat('red', { stream: true, max_tokens: 16 });
  assert.equal(answer.status, 200, answer.text);
  const { entries } = await list('?model=red');
  assert.equal(entries.length, 1);
  const [row] = entries;
  assert.equal(row.outcome, 'completed');
  assert.equal(row.status, 200);
  assert.equal(row.path, '/v1/chat/completions');
  assert.equal(row.caller, 'loopback');
  assert.equal(row.client, '127.0.0.1');
  assert.ok(row.at_ms >= before && row.at_ms <= Date.now());
  assert.ok(row.load_ms > 0, 'it was loaded for this request');
  assert.ok(row.is_stream && row.first_token_ms >= row.load_ms && row.duration_ms >= row.first_token_ms);
  assert.ok(row.prompt_tokens > 0 && row.completion_tokens > 0);
  assert.ok(row.completion_tokens_per_s > 0);
  assert.ok(row.answer_bytes === Buffer.byteLength(answer.text) && row.request_bytes > 0);
  const { profile_id: id } = await hearth.server('red');
  assert.equal(row.profile_id, id);

  assert.equal((await chat('red', { max_tokens: 4 })).status, 200);
  const [second] = (await list('?model=red&limit=1')).entries;
  assert.equal(second.load_ms, 0); // it waited for nothing
  assert.equal(second.first_token_ms, null); // and was no stream
  assert.ok(second.id > row.id);
});

test('a prompt has as many tokens, however it is asked and whatever of it was cached', async () => {
  const messages = [{ role: 'user', content: 'the same each time' }];
  const newest = async () => (await list('?model=red&limit=1')).entries[0];
  const counts = async (extra, path = '/v1/chat/completions') => {
    const before = (await newest()).id;
    const answer = await hearth.request('POST', path, { body: { model: 'red', messages, max_tokens: 3, ...extra } });
    assert.equal(answer.status, 200, answer.text);
    const row = await until('its row', async () => { const one = await newest(); return one.id > before && one; });
    return [row.prompt_tokens, row.completion_tokens, row.cached_tokens > 0];
  };
  const [nTokens] = await counts({});
  const same = [nTokens, 3, true];
  assert.deepEqual(await counts({}), same);
  assert.deepEqual(await counts({ stream: true }), same, 'timings alone');
  assert.deepEqual(await counts({ stream: true, timings_per_token: true }), same, 'timings with each token');
  assert.deepEqual(await counts({ stream: true, stream_options: { include_usage: true } }), same);
  for (const stream of [false, true])
    assert.deepEqual(await counts({ stream }, '/v1/messages'), same, `Anthropic's, ${stream}`);
});

test('what fails is a row too; what only asks is none', async () => {
  assert.equal((await chat('nobody')).status, 404);
  const [row] = (await list()).entries;
  assert.equal(row.outcome, 'failed');
  assert.equal(row.status, 404);
  assert.match(row.error, /nobody/);
  assert.equal(row.profile_id, null);
  await hearth.request('GET', '/props?model=red');
  assert.equal((await list()).entries[0].id, row.id);
});

test('a load and a queue are seen while they last, and told apart after', async () => {
  const first = send('slow', 'delay-ms=700');
  const loading = await inPhase('slow', 'loading');
  const second = send('slow', 'delay-ms=1');
  const queued = await until('the second in the queue', async () =>
    (await active()).find((row) => row.model === 'slow' && row.id > loading.id));
  await inPhase('slow', 'working');
  assert.equal((await active()).find((row) => row.id === queued.id).phase, 'queued');
  assert.equal((await first.answer).status, 200);
  assert.equal((await second.answer).status, 200);
  const [one, two] = [await ended(loading.id), await ended(queued.id)];
  assert.ok(one.load_ms >= 300 && one.queue_ms < one.load_ms, JSON.stringify(one));
  assert.ok(two.queue_ms >= 500, JSON.stringify(two));
  assert.deepEqual(await active(), []);
});

test('a stream under way is cancelled: client and engine hear of it', async () => {
  const stats = async () => (await hearth.request('GET', '/upstream/plain/stats')).json();
  assert.equal((await chat('plain')).status, 200);
  const { client_gone: gone } = await stats();
  const sent = send('plain', 'chunk-delay-ms=200', { stream: true });
  const row = await inPhase('plain', 'answering');
  assert.ok(row.is_stream);
  const { status } = await hearth.api('DELETE', `/api/activity/${row.id}`);
  assert.equal(status, 204);
  const answer = await sent.answer;
  assert.equal(answer.status, 200);
  assert.ok(answer.error, 'an answer that is not whole breaks');
  const after = await ended(row.id);
  assert.equal(after.outcome, 'cancelled');
  assert.match(after.error, /by hand/);
  await until('the engine to hear of it', async () => (await stats()).client_gone === gone + 1);
  const again = await hearth.api('DELETE', `/api/activity/${row.id}`);
  assert.equal(again.status, 404);
  assert.match(again.error.message, new RegExp(`${row.id}`));
  assert.equal((await hearth.api('DELETE', '/api/activity/abc')).status, 404);
});

test('an answer that the engine cannot give up is cancelled for its client', async () => {
  const sent = send('slow', 'delay-ms=1500');
  const { id } = await inPhase('slow', 'working');
  assert.equal((await hearthCommand('activity', 'cancel', String(id))).code, 0);
  const { status, text } = await sent.answer;
  assert.equal(status, 499);
  assert.equal(JSON.parse(text).error.code, 'request_cancelled');
  const left = await inPhase('slow', 'finishing');
  assert.equal(left.id, id);
  assert.equal((await hearth.api('DELETE', `/api/activity/${id}`)).status, 409);
  assert.equal((await hearth.server('slow')).queue.active, 1); // its place is taken
  assert.equal((await ended(id)).outcome, 'cancelled');
});

test('a client that leaves is told apart', async () => {
  const sent = send('plain', 'chunk-delay-ms=100', { stream: true });
  const { id } = await inPhase('plain', 'answering');
  sent.req.destroy();
  const row = await ended(id);
  assert.equal(row.outcome, 'client_gone');
  assert.ok(row.answer_bytes > 0);
});

test('filters, pages, and rows of a run before', async () => {
  const total = (await list('?limit=1000')).entries;
  assert.ok(total.length >= 8);
  const seen = [];
  for (let before = ''; ;) {
    const page = await list(`?limit=3${before}`);
    seen.push(...page.entries);
    if (page.next_before_id === null) break;
    before = `&before_id=${page.next_before_id}`;
  }
  assert.deepEqual(seen, total);
  assert.ok((await list('?outcome=cancelled')).entries.every((row) => row.outcome === 'cancelled'));
  assert.deepEqual((await list('?q=NOBODY')).entries.map((row) => row.model), ['nobody']);
  assert.equal((await list(`?since=${total[0].at_ms + 1}`)).entries.length, 0);
  assert.equal((await hearth.api('GET', '/api/activity?outcome=fine')).status, 422);
  assert.equal((await hearth.api('GET', '/api/activity?limit=0')).status, 422);
  await hearth.kill9();
  await hearth.spawn();
  assert.deepEqual((await list('?limit=1000')).entries, total);
  assert.equal((await chat('plain')).status, 200);
  assert.ok((await list('?limit=1')).entries[0].id > total[0].id);
});

test('keys go by their names, and may read but not end', async () => {
  const make = async (name, scope) => (await hearth.api('POST', '/api/keys', { name, scope })).data.secret;
  const [laptop, viewer] = [await make('laptop', 'inference'), await make('viewer', 'read')];
  assert.equal((await chat('plain', {}, { Authorization: `Bearer ${laptop}` })).status, 200);
  const [row] = (await list('?caller=laptop')).entries;
  assert.equal(row.caller, 'laptop');
  assert.ok(row.key_id);
  const as = (key, method, target) => request(hearth.base, method, target, { headers: { Authorization: `Bearer ${key}` } });
  assert.equal((await as(viewer, 'GET', '/api/activity')).status, 200);
  assert.equal((await as(viewer, 'DELETE', `/api/activity/${row.id}`)).status, 403);
  assert.equal((await as(viewer, 'GET', `/api/activity/${row.id}/capture`)).status, 403);
  assert.equal((await as(laptop, 'GET', '/api/activity')).status, 403);
});

test('bodies are captured only when that is wanted', async () => {
  const last = async () => (await list('?limit=1')).entries[0].id;
  await chat('plain', { note: 'unheard' });
  const one = async () => (await hearth.api('GET', `/api/activity/${await last()}`)).data.is_captured;
  assert.equal(await one(), false);
  assert.equal('is_captured' in (await list('?limit=1')).entries[0], false);
  const none = await hearth.api('GET', `/api/activity/${await last()}/capture`);
  assert.equal(none.status, 404);
  assert.match(none.error.message, /activity\.capture/);
  assert.equal((await hearth.api('PUT', '/api/settings', { 'activity.capture': true })).status, 200);
  const answer = await chat('plain', { note: 'heard: «ü»' });
  const { data } = await hearth.api('GET', `/api/activity/${await last()}/capture`);
  assert.equal(await one(), true);
  assert.equal(JSON.parse(data.request.text).note, 'heard: «ü»');
  assert.equal(data.request.content_type, 'application/json');
  assert.equal(data.answer.text, answer.text);
  assert.equal(data.answer.is_cut, false);
  const large = 'x'.repeat(3 << 20);
  await chat('plain', { note: large });
  const cut = (await hearth.api('GET', `/api/activity/${await last()}/capture`)).data.request;
  assert.equal(cut.is_cut, true);
  assert.ok(cut.text.length <= 1 << 20 && cut.n_bytes > 3 << 20);
  assert.equal((await hearth.api('PUT', '/api/settings', { 'activity.capture': false })).status, 200);
  assert.equal((await hearth.api('GET', `/api/activity/${await last()}/capture`)).status, 404);
});

test('events and Socket.IO tell it, and cancel', async () => {
  const socket = io(hearth.base, { path: '/llamaproxws', transports: ['websocket'], forceNew: true });
  sockets.push(socket);
  const news = [];
  socket.on('activity:changed', ({ data }) => news.push(data));
  await new Promise((resolve) => socket.on('connect', resolve));
  const lines = [];
  const stream = http.get(`${hearth.base}/api/events?types=activity`, (res) => res.on('data', (bytes) => lines.push(String(bytes))));
  stream.on('error', () => {});
  await until('the picture', () => lines.join('').includes('event: snapshot'));
  const sent = send('plain', 'chunk-delay-ms=200', { stream: true });
  const begun = await until('it to be told', () => news.flatMap(({ active: rows }) => rows).find((row) => row.model === 'plain'));
  const answer = await socket.emitWithAck('activity:active', { requestId: 'a' });
  assert.equal(answer.data.active[0].id, begun.id);
  const cancelled = await socket.emitWithAck('activity:cancel', { id: begun.id });
  assert.ok(cancelled.success, JSON.stringify(cancelled));
  await sent.answer;
  const row = await until('its end', () => news.flatMap(({ ended: rows }) => rows).find(({ id }) => id === begun.id));
  assert.equal(row.outcome, 'cancelled');
  await until('the event', () => lines.join('').includes(`"id":${begun.id}`) && lines.join('').includes('"outcome":"cancelled"'));
  const gone = await socket.emitWithAck('activity:cancel', { id: begun.id });
  assert.equal(gone.error.code, 'not_found');
  const rows = await socket.emitWithAck('activity:list', { limit: 1 });
  assert.equal(rows.data.entries[0].id, begun.id);
  stream.destroy();
});

test('a thousand requests are a thousand rows', async () => {
  const [{ id }] = (await list('?limit=1')).entries;
  for (let i = 0; i < 20; i++)
    assert.ok((await Promise.all(Array.from({ length: 50 }, () => chat('plain')))).every(({ status }) => status === 200));
  const rows = (await list('?limit=1000')).entries;
  assert.equal(rows.filter((row) => row.id > id).length, 1000);
  assert.deepEqual(await active(), []);
});

test('the command line lists them', async () => {
  const listed = await hearthCommand('activity', 'list', '-n', '3', '--model', 'plain');
  assert.equal(listed.code, 0, listed.err);
  assert.match(listed.out, /^BEGUN +MODEL +END +WAITED +LOADED +FIRST +TOOK +TOKENS +SPEED +CALLER\n/);
  assert.equal(listed.out.trim().split('\n').length, 4);
  const json = await hearthCommand('activity', 'list', '--outcome', 'cancelled', '--json');
  assert.ok(JSON.parse(json.out).every((row) => row.outcome === 'cancelled'));
  assert.equal((await hearthCommand('activity', 'list', '--since', 'soon')).code, 2);
  assert.match((await hearthCommand('activity', 'active')).out, /No request is under way/);
  const wrong = await hearthCommand('activity', 'cancel', '1');
  assert.equal(wrong.code, 4);
});

test('what is kept is bounded by number, and forgotten on demand', async () => {
  assert.equal((await hearth.api('PUT', '/api/settings', { 'activity.max_stored': 5 })).status, 200);
  await until('the rest to go', async () => (await list('?limit=1000')).entries.length === 5);
  assert.equal((await hearth.api('DELETE', '/api/activity')).status, 204);
  assert.deepEqual((await list()).entries, []);
  assert.equal((await hearth.api('PUT', '/api/settings', { 'activity.max_stored': 0 })).status, 200);
  assert.equal((await chat('plain')).status, 200);
  assert.deepEqual((await list()).entries, []);
});
