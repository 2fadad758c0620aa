// Hearth's own log: asked for, followed, exported, in files; switched on and
// off while it runs; and never with a secret in it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import { Hearth, request, until } from './lib/hearth.mjs';

let hearth;
before(async () => { hearth = await Hearth.start({ config: '' }); });
after(() => hearth.stop());

const set = async (settings) => {
  const answer = await hearth.api('PUT', '/api/settings', settings);
  assert.equal(answer.status, 200, JSON.stringify(answer));
};
const logged = async (query = '') => (await hearth.api('GET', `/api/logs?limit=1000&${query}`)).data.entries;
// Something that is logged, with a word to know it by.
let n = 0;
async function say() {
  const name = `word-${++n}`;
  const made = await hearth.api('POST', '/api/profiles', { name, engine: 'command', restart_policy: 'never', command: ['/nonexistent/engine'] });
  assert.equal(made.status, 201, JSON.stringify(made));
  await hearth.api('POST', `/api/servers/${name}/start?wait=1`);
  await hearth.api('DELETE', `/api/profiles/${name}?wait=1`);
  return name;
}
const files = () => fs.readdirSync(path.join(hearth.data, 'logs')).filter((name) => name.startsWith('hearth.log')).sort();
const fileText = () => files().map((name) => fs.readFileSync(path.join(hearth.data, 'logs', name), 'utf8')).join('');

function follow(target, headers = {}) {
  const view = { text: '', ended: false };
  view.req = http.request({ socketPath: hearth.socket, path: target, agent: false, headers: { Host: '127.0.0.1', ...headers } }, (res) => {
    view.status = res.statusCode;
    res.on('data', (piece) => { view.text += piece; });
    res.on('end', () => { view.ended = true; });
    res.on('error', () => {});
  });
  view.req.on('error', () => {});
  view.req.end();
  return view;
}
const entriesOf = (text) => [...text.matchAll(/^data: (\{"id".*)$/gm)].map((match) => JSON.parse(match[1]));

test('a line is found by word, source, level and time, page by page', async () => {
  const before = Date.now();
  const word = await say();
  const found = await until('the line', async () => {
    const rows = await logged(`q=${word.toUpperCase()}`);
    return rows.length && rows;
  });
  assert.ok(found.every((row) => row.message.includes(word)));
  const { source, level, at_ms } = found[0];
  assert.ok((await logged(`source=${source}&q=${word}`)).length > 0);
  assert.equal((await logged(`source=${source}x`)).length, 0);
  assert.ok((await logged(`level=${level}&q=${word}`)).length > 0);
  assert.equal((await logged(`q=${word}&until=${before}`)).length, 0);
  assert.ok((await logged(`q=${word}&since=${before}`)).length > 0);
  assert.ok((await logged(`q=${word}&since=${at_ms}&until=${at_ms + 1}`)).length > 0);
  const all = await logged();
  const paged = [];
  for (let cursor = ''; cursor !== null;) {
    const { data } = await hearth.api('GET', `/api/logs?limit=3${cursor}`);
    paged.push(...data.entries);
    cursor = data.next_before_id === null ? null : `&before_id=${data.next_before_id}`;
  }
  assert.deepEqual(paged.slice(-all.length), all);
});

test('what is bad is named', async () => {
  for (const [query, field] of [['level=loud', 'level'], ['limit=0', 'limit'], ['since=x', 'since'], ['until=0', 'until'], [`q=${'x'.repeat(128)}`, 'q']]) {
    const answer = await hearth.api('GET', `/api/logs?${query}`);
    assert.equal(answer.status, 422, query);
    assert.equal(answer.error.details[0].field, field);
  }
});

test('followed: the newest first, then each as it comes, and on from a number', async () => {
  const view = follow('/api/logs/follow?lines=2');
  await until('two lines', () => entriesOf(view.text).length >= 2);
  const word = await say();
  await until('the line', () => entriesOf(view.text).some((row) => row.message.includes(word)));
  view.req.destroy();
  const rows = entriesOf(view.text);
  assert.deepEqual(rows.map((row) => row.id), rows.map((row) => row.id).sort((a, b) => a - b));
  const ids = [...view.text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]));
  assert.deepEqual(ids, rows.map((row) => row.id));
  const rest = follow('/api/logs/follow?follow=0', { 'Last-Event-ID': String(ids[1]) });
  await until('its end', () => rest.ended);
  assert.equal(entriesOf(rest.text)[0].id, ids[2] ?? ids[1] + 1);
  assert.match(rest.text, /^event: end$/m);
  // A number that is still to come is of another log: it says nothing.
  const strange = follow('/api/logs/follow?follow=0&lines=2', { 'Last-Event-ID': String(ids[1] + 1000000) });
  await until('its end', () => strange.ended);
  assert.equal(entriesOf(strange.text).length, 2);
  const none = follow(`/api/logs/follow?follow=0&q=${word}&level=error&source=nobody`);
  await until('its end', () => none.ended);
  assert.equal(entriesOf(none.text).length, 0);
});

test('exported as one document', async () => {
  const answer = await request(hearth.base, 'GET', '/api/logs/export', { socketPath: hearth.socket });
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-disposition'], /^attachment; filename="hearth-logs-\d{8}T\d{6}Z\.json"$/);
  const whole = answer.json();
  assert.ok(whole.exported_at_ms > 1.7e12 && whole.version);
  assert.deepEqual(whole.entries.slice(-5), (await logged()).slice(-5));
  const some = await request(hearth.base, 'GET', '/api/logs/export?level=error', { socketPath: hearth.socket });
  assert.ok(some.json().entries.every((row) => row.level === 'error'));
});

test('files: listed, read and removed by their exact names', async () => {
  const word = await say();
  await until('it to be in the file', () => fileText().includes(word));
  assert.equal(fs.statSync(path.join(hearth.data, 'logs', 'hearth.log')).mode & 0o077, 0);
  const listed = await hearth.api('GET', '/api/logs/files');
  assert.deepEqual(listed.data.files.map((file) => file.name), files());
  assert.equal(listed.data.size_bytes, listed.data.files.reduce((sum, file) => sum + file.size_bytes, 0));
  const read = await hearth.api('GET', `/api/logs/files/hearth.log?q=${word}&limit=1`);
  assert.equal(read.data.lines.length, 1);
  assert.ok(read.data.lines[0].message.includes(word) && read.data.lines[0].at_ms > 0);
  for (const name of ['..%2Fhearth.db', 'hearth.db', 'hearth.log.0', 'hearth.log.31', '%2Fetc%2Fpasswd', 'hearth.log%00']) {
    for (const method of ['GET', 'DELETE']) {
      const answer = await hearth.api(method, `/api/logs/files/${name}`);
      assert.ok([400, 404].includes(answer.status), `${method} ${name}: ${answer.status}`);
    }
  }
  assert.ok(fs.existsSync(path.join(hearth.data, 'hearth.db')));
  const cleared = await hearth.api('DELETE', '/api/logs/files');
  assert.equal(cleared.data.removed, listed.data.files.length);
  assert.deepEqual((await hearth.api('GET', '/api/logs/files')).data.files, []);
  const again = await say();
  await until('a new file', () => fileText().includes(again));
});

test('each place is switched off and on while it runs', async () => {
  await set({ 'logs.files': false, 'logs.console': false, 'logs.database': false });
  const silent = await say();
  assert.ok((await until('memory to have it', async () => { const rows = await logged(`q=${silent}`); return rows.length && rows; })).length > 0);
  await set({ 'logs.files': true, 'logs.console': true, 'logs.database': true });
  const heard = await say();
  await until('the file to have it', () => fileText().includes(heard));
  await until('the console to have it', () => hearth.output().includes(heard));
  assert.ok(!fileText().includes(silent) && !hearth.output().includes(silent));
  await set({ 'logs.memory': 0 });
  assert.equal((await logged(`q=${silent}`)).length, 0, 'it was in memory alone');
  assert.ok((await logged(`q=${heard}`)).length > 0, 'the database has it');
  await set({ 'logs.memory': null, 'log_level': 'error' });
  const below = await say();
  assert.equal((await logged(`q=${below}&level=debug`)).filter((row) => row.level !== 'error').length, 0);
  await set({ 'log_level': null, 'logs.max_file_bytes': 4096, 'logs.max_files': 2 });
  await until('a second file', async () => { await say(); return files().length === 2; });
  for (let i = 0; i < 40; i++) await say();
  assert.deepEqual(files(), ['hearth.log', 'hearth.log.1']);
  for (const name of files()) assert.ok(fs.statSync(path.join(hearth.data, 'logs', name)).size <= 4096);
  await set({ 'logs.max_files': null, 'logs.max_file_bytes': null, 'logs.max_stored': 100 });
  const { data } = await hearth.api('GET', '/api/logs?limit=1000&before_id=' + (await logged())[0].id);
  assert.ok(data.entries.length > 0);
});

test('a file that is moved, removed or emptied by hand is begun anew', async () => {
  const folder = path.join(hearth.data, 'logs'), file = path.join(folder, 'hearth.log');
  const isIn = (word) => until(`${word} to be there`, () => fs.existsSync(file) && fs.readFileSync(file, 'utf8').includes(word));
  await isIn(await say());
  const moved = path.join(hearth.dir, 'moved.log');
  fs.renameSync(file, moved);
  const { size } = fs.statSync(moved);
  await isIn(await say());
  assert.equal(fs.statSync(moved).size, size);
  fs.rmSync(file);
  const before = await say();
  await isIn(before);
  fs.truncateSync(file);
  await isIn(await say());
  assert.ok(!fs.readFileSync(file, 'utf8').includes(before));
  fs.rmSync(folder, { recursive: true });
  await until('the folder to be there again', async () => { await say(); return fs.existsSync(file); });
  await until('the loss to be told', async () => (await logged('q=written+to+again')).length > 0);
});

test('over Socket.IO: the same files, settings and words', async () => {
  const socket = io(hearth.base, { path: '/llamaproxws', transports: ['websocket'], reconnection: false });
  const ask = (event, payload) => socket.timeout(10000).emitWithAck(event, payload);
  const heard = [];
  socket.onAny((event, envelope) => heard.push([event, envelope]));
  await until('a connection', () => socket.connected);
  const first = (await ask('loggingConfig:get')).data.config;
  assert.deepEqual(first, { level: 'info', maxFileSize: 10485760, maxFiles: 7, enableFileLogging: true, enableDatabaseLogging: true, enableConsoleLogging: true, maxStored: 100, memory: 1000 });
  const changed = await ask('loggingConfig:update', { config: { logLevel: 'debug', maxFiles: 3, enableConsoleLogging: false } });
  assert.equal(changed.success, true, JSON.stringify(changed));
  assert.deepEqual([changed.data.config.level, changed.data.config.maxFiles, changed.data.config.enableConsoleLogging], ['debug', 3, false]);
  await until('the others to hear of it', () => heard.some(([event, envelope]) => event === 'loggingConfig:updated'
    && envelope.data.config.maxFiles === 3));
  const bad = await ask('loggingConfig:update', { maxFiles: 31 });
  assert.equal(bad.success, false);
  assert.equal(bad.error.code, 'invalid');
  assert.equal((await ask('loggingConfig:update', { nonsense: 1 })).success, false);
  const reset = await ask('loggingConfig:reset', {});
  assert.deepEqual(reset.data.config, { ...first, maxStored: 10000 });
  const word = await say();
  await until('it to be in the file', () => fileText().includes(word));
  const listed = await ask('logs:list-files');
  assert.deepEqual(listed.data.files.map((file) => file.name), files());
  assert.ok(listed.data.size > 0);
  const read = await ask('logs:read-file', { fileName: 'hearth.log', q: word });
  assert.ok(read.data.logs.length > 0 && read.data.logs[0].message.includes(word));
  assert.equal(read.data.fileName, 'hearth.log');
  assert.equal((await ask('logs:read-file', { fileName: '../hearth.db' })).error.code, 'not_found');
  assert.equal((await ask('logs:read-file', {})).success, false);
  const engine = await ask('logs:read-llama-server');
  assert.deepEqual(engine.data, { logs: [], fileName: null, message: 'no llama-server has run' });
  assert.ok((await ask('logs:clear-files')).data.count > 0);
  assert.equal((await ask('logs:entry', { entry: { level: 'warn', message: 'the page saw a fault', source: 'page' } })).success, true);
  const [own] = (await ask('logs:get', { limit: 1, level: 'warn' })).data.logs;
  assert.deepEqual([own.source, own.message, own.level], ['client:page', 'the page saw a fault', 'warn']);
  assert.equal((await ask('logs:entry', { message: '' })).error.code, 'invalid');
  assert.equal((await ask('logs:entry', { message: 'x', level: 'loud' })).error.code, 'invalid');
  const got = await ask('logs:get', { limit: 5, level: 'info' });
  assert.ok(got.data.logs.length > 0);
  const told = new Promise((resolve) => socket.once('logs:cleared', resolve));
  assert.equal((await ask('logs:clear')).data.cleared, true);
  const { type, data } = await told;
  assert.equal(type, 'broadcast');
  assert.ok(data.count >= got.data.logs.length, `${data.count}`);
  assert.ok((await logged()).every((row) => row.at_ms > Date.now() - 10000));
  socket.close();
});

test('files that cannot be written to stop nothing, and that is said', async () => {
  const other = await Hearth.start({});
  try {
    const file = path.join(other.data, 'logs', 'hearth.log');
    await other.stop({ keep: true });
    fs.rmSync(file, { force: true });
    fs.symlinkSync('/dev/full', file);
    await other.spawn();
    const said = async (word) => (await other.api('GET', `/api/logs?q=${word}`)).data.entries;
    const failures = await until('the failure to be told', async () => {
      process.kill(other.pid, 'SIGHUP'); // which is logged
      const rows = await said('cannot+be+written+to');
      return rows.length && rows;
    });
    assert.equal(failures.length, 1);
    assert.equal(failures[0].level, 'error');
    assert.equal((await other.request('GET', '/health')).status, 200);
    assert.ok(fs.lstatSync(file).isSymbolicLink());
    fs.unlinkSync(file);
    await until('it to go on', async () => {
      process.kill(other.pid, 'SIGHUP');
      return (await said('written+to+again')).length;
    });
    assert.match(fs.readFileSync(file, 'utf8'), /^\S+Z warn logs: \d+ lines could not be written here\n/);
    assert.equal((await said('cannot+be+written+to')).length, 1, 'it is told once');
  } finally {
    await other.stop();
  }
});

// Every way by which a secret could come into the log.
test('no secret is in any of them, whatever is asked', async () => {
  const secrets = {
    key: `hk_${'s'.repeat(43)}`, bearer: 'bearerSecretValue1234', query: 'querySecretValue1234',
    setting: 'civitaiSecretValue1234', body: 'bodySecretValue1234', cookie: 'cookieSecretValue1234',
    url: 'urlSecretValue1234', option: 'optionSecretValue1234', socket: 'socketSecretValue1234',
  };
  await set({ log_level: 'debug', 'civitai.token': secrets.setting });
  const made = await hearth.api('POST', '/api/keys', { name: 'watched' });
  secrets.made = made.data.secret;
  const ask = (method, target, headers, body) => hearth.request(method, target, { headers, body });
  for (const target of ['/api/profiles', '/v1/models', '/api/nothing', '/api/logs', '/v1/chat/completions']) {
    await ask('GET', target, { Authorization: `Bearer ${secrets.key}` });
    await ask('GET', target, { Authorization: `Bearer ${secrets.bearer}`, 'x-api-key': secrets.key });
    await ask('GET', `${target}?token=${secrets.query}&key=${secrets.query}`, {});
    await ask('GET', target, { Cookie: `hearth_session=${secrets.cookie}` });
    await ask('POST', target, { Authorization: `Basic ${Buffer.from(`x:${secrets.bearer}`).toString('base64')}` },
      { model: secrets.body, api_key: secrets.body, messages: [] });
    await ask('GET', target, { Authorization: `Bearer ${secrets.made}` });
  }
  await ask('POST', '/api/session', {}, { key: secrets.key });
  await ask('POST', '/api/session', {}, { link: `hl_${secrets.body}` });
  await hearth.api('POST', '/api/models/download', { url: `http://u:${secrets.url}@127.0.0.1:9/x.gguf?token=${secrets.url}` });
  await hearth.api('POST', '/api/models/download', { url: `https://127.0.0.1:9/y.gguf?token=${secrets.url}`, token: secrets.url });
  await hearth.api('POST', '/api/hub/check-token', { source: 'civitai', token: secrets.url });
  await hearth.api('POST', '/api/profiles', { name: 'loud', engine: 'command', restart_policy: 'never',
    env: { SOME_TOKEN: secrets.option }, command: ['/bin/sh', '-c', 'exit 3', '--api-key', secrets.option] });
  await hearth.api('POST', '/api/servers/loud/start?wait=1');
  const socket = io(hearth.base, { path: '/llamaproxws', transports: ['websocket'], reconnection: false, auth: { token: secrets.socket, key: secrets.key } });
  await new Promise((resolve) => { socket.once('connect_error', resolve); socket.once('connect', resolve); });
  socket.close();
  await hearth.api('DELETE', `/api/keys/${made.data.id}`);
  const last = await say();
  await until('the last line', () => fileText().includes(last) && hearth.output().includes(last));
  const exported = (await request(hearth.base, 'GET', '/api/logs/export', { socketPath: hearth.socket })).text;
  const followed = follow('/api/logs/follow?follow=0&lines=10000');
  await until('its end', () => followed.ended);
  const stored = ['hearth.db', 'hearth.db-wal'].map((name) => path.join(hearth.data, name)).filter(fs.existsSync)
    .map((file) => fs.readFileSync(file, 'latin1')).join('');
  for (const [name, secret] of Object.entries(secrets)) {
    for (const [where, text] of Object.entries({ file: fileText(), console: hearth.output(), answer: JSON.stringify(await logged()), exported, followed: followed.text })) {
      assert.ok(text.length > 0, where);
      assert.ok(!text.includes(secret), `the ${where} tells the ${name}: ${text.split('\n').find((line) => line.includes(secret))?.slice(0, 300)}`);
    }
    // A setting is stored as it is, and what a profile or download was made with.
    if (!['setting', 'option', 'url'].includes(name)) assert.ok(!stored.includes(secret), `the database tells the ${name}`);
  }
});
