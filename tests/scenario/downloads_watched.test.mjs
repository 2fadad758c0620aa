// Downloads as they are watched and commanded: hearth pull, the live view over
// a WebSocket, the history.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { checkPlace, config, ended, fetches, follow, leftovers, order, show } from './lib/downloads.mjs';
import { HEARTH, Hearth, until } from './lib/hearth.mjs';
import { Origin, bytesOf } from './lib/origin.mjs';

const MIB = 1024 * 1024;
const SLOW = { pace: { bytes: 128 * 1024, ms: 25 } }; // 5 MiB/s each connection
const FAILED = 1, INTERRUPTED = 130;
let hearth, origin;

before(async () => {
  origin = await Origin.start();
  hearth = await Hearth.start({ config: config([origin]) });
});
after(async () => {
  await hearth?.stop();
  await origin?.close();
});

const place = (name) => path.join(hearth.models, name);
const downloads = async () => (await hearth.api('GET', '/api/models/downloads')).data;

// A hearth command: {child, done: {code, out, err}}.
function command(...args) {
  const child = spawn(HEARTH, args, { env: { ...process.env, HEARTH_DATA_DIR: hearth.data, HEARTH_API_KEY: '',
                                             HEARTH_URL: '', XDG_CONFIG_HOME: hearth.dir } });
  let out = '', err = '';
  child.stdout.on('data', (bytes) => { out += bytes; });
  child.stderr.on('data', (bytes) => { err += bytes; });
  return { child, done: once(child, 'close').then(([code]) => ({ code, out, err })) };
}
const hearthPull = (...args) => command('pull', ...args).done;

// ---- hearth pull ----

test('pull: a file of a URL, to its end', async () => {
  const bytes = bytesOf('pull', 3 * MIB), target = place('of-pull');
  const url = origin.file('/pull', bytes);
  const done = await hearthPull(url, '--name', 'pull.bin', '--to', target, '--limit-rate', '800M');
  assert.deepEqual(done, { code: 0, err: '', out: `${url}: 3.0 MiB in ${target}\n` });
  assert.ok(checkPlace(path.join(target, 'pull.bin'), bytes));
  const [task] = await downloads();
  assert.equal(task.limit_bytes_per_s, 800 * MIB);
});

test('pull --dry-run says what would come, and nothing does', async () => {
  const bytes = bytesOf('dry', 1000), n = (await downloads()).length;
  origin.hub('org/dry', { 'dry-Q4_K_M.gguf': { bytes }, 'dry-Q8_0.gguf': { bytes }, 'README.md': { bytes } });
  const done = await hearthPull('org/dry:Q8_0', '--dry-run');
  assert.equal(done.code, 0, done.err);
  assert.match(done.out, /dry-Q8_0\.gguf +1000 B/);
  assert.doesNotMatch(done.out, /Q4_K_M/);
  assert.match(done.out, /1 file, 1000 B, to .*models--org--dry\n$/);
  const plan = JSON.parse((await hearthPull('org/dry', '--variant', 'Q4_K_M', '--dry-run', '--json')).out);
  assert.deepEqual(plan.files.map((file) => file.path), ['dry-Q4_K_M.gguf']);
  assert.equal((await downloads()).length, n);
});

test('pull: Ctrl-C leaves what has come, the same command goes on', async () => {
  const bytes = bytesOf('interrupted', 24 * MIB), file = place('interrupted.bin');
  const url = origin.file('/interrupted', bytes, SLOW);
  const { child, done } = command('pull', url, '--name', 'interrupted.bin');
  const task = await until('the download to run', async () =>
    (await downloads()).find((row) => row.files[0].path === 'interrupted.bin' && row.downloaded_bytes > 8 * MIB));
  child.kill('SIGINT');
  const { code, err } = await done;
  assert.equal(code, INTERRUPTED);
  assert.match(err, new RegExp(`paused with what it has; .*hearth downloads cancel ${task.task_id}`));
  assert.equal((await show(hearth, task.task_id)).status, 'paused');
  assert.ok(leftovers(file).includes('interrupted.bin.part'));
  const again = await hearthPull(url, '--name', 'interrupted.bin', '--json');
  assert.equal(again.code, 0, again.err);
  const record = JSON.parse(again.out);
  assert.equal(record.task_id, task.task_id);
  assert.equal(record.status, 'completed');
  assert.ok(checkPlace(file, bytes));
  assert.ok(origin.sent('/interrupted') <= bytes.length + 5 * MIB, `${origin.sent('/interrupted')} sent`);
});

test('pull fails in the words of the record', async () => {
  const url = origin.on('/refused', () => ({ status: 403, headers: {}, body: Buffer.from('not for you') }));
  const done = await hearthPull(url, '--name', 'refused.bin');
  assert.equal(done.code, FAILED);
  assert.match(done.err, /the download failed: the origin answers 403: not for you/);
});

test('pull: several of one quantization have to be chosen from', async () => {
  const bytes = bytesOf('pair', 1000);
  origin.hub('org/pair', { 'a.Q4_K_M.gguf': { bytes }, 'b.Q4_K_M.gguf': { bytes } });
  const done = await hearthPull('org/pair:Q4_K_M', '--dry-run');
  assert.notEqual(done.code, 0);
  assert.match(done.err, /several models of variant Q4_K_M.*a\.Q4_K_M, b\.Q4_K_M/);
  const one = await hearthPull('org/pair:b.Q4_K_M', '--dry-run');
  assert.match(one.out, /b\.Q4_K_M\.gguf/);
  assert.doesNotMatch(one.out, /a\.Q4_K_M\.gguf/);
});

// ---- the live view ----

// The records of a WebSocket until it closes.
async function watch(id) {
  const socket = new WebSocket(`ws+unix:${hearth.socket}:/ws/download/${id}`, { headers: { Host: 'localhost' } });
  const seen = [];
  socket.on('message', (data) => {
    const { type, data: record } = JSON.parse(data);
    assert.equal(type, 'progress');
    seen.push({ at: Date.now(), ...record });
  });
  const [code] = await once(socket, 'close');
  assert.equal(code, 1000);
  return seen;
}

test('a WebSocket shows the record first, its growth, and its end last', async () => {
  const bytes = bytesOf('watched', 24 * MIB);
  const { task_id } = await order(hearth, { url: origin.file('/watched', bytes, SLOW), filename: 'watched.bin' });
  const seen = await watch(task_id);
  assert.equal(seen[0].task_id, task_id);
  assert.equal(seen.at(-1).status, 'completed');
  assert.equal(seen.filter((row) => row.status === 'completed').length, 1);
  const running = seen.filter((row) => row.status === 'downloading');
  assert.ok(running.length > 3, `${running.length} records`);
  for (let i = 1; i < running.length; i++)
    assert.ok(running[i].downloaded_bytes >= running[i - 1].downloaded_bytes);
  // At most ten a second, changes of state beside.
  const ms = running.at(-1).at - running[0].at;
  assert.ok(running.length <= ms / 100 + 5, `${running.length} in ${ms} ms`);
});

test('every end is told: failed, cancelled, and of an earlier run', async () => {
  const bytes = bytesOf('ends', 24 * MIB);
  const failing = origin.on('/ends-failed', () => ({ status: 404, headers: {}, body: Buffer.from('gone') }));
  const failed = await order(hearth, { url: failing, filename: 'ends-failed.bin' });
  assert.equal((await watch(failed.task_id)).at(-1).status, 'failed');
  const { task_id } = await order(hearth, { url: origin.file('/ends', bytes, SLOW), filename: 'ends.bin' });
  const view = watch(task_id);
  await follow(hearth, task_id, (task) => task.downloaded_bytes > 0);
  await hearth.api('POST', `/api/models/download/${task_id}/cancel`);
  assert.equal((await view).at(-1).status, 'cancelled');
  const times = async () => (await hearth.api('GET', '/api/history')).data
    .filter((row) => [failed.task_id, task_id].includes(row.task_id)).map((row) => row.ended_at_ms);
  const before = await times();
  assert.ok(before.length === 2 && before.every((at) => at > 0), JSON.stringify(before));
  await hearth.stop({ keep: true });
  await hearth.spawn();
  assert.deepEqual(await times(), before);
  for (const [id, status] of [[failed.task_id, 'failed'], [task_id, 'cancelled']]) {
    const seen = await watch(id);
    assert.deepEqual(seen.map((row) => [row.task_id, row.status]), [[id, status]]);
  }
});

test('a WebSocket of no task is told so and closed', async () => {
  for (const [target, id] of [['download/nobody', 'nobody'], ['scan/nobody', 'nobody'],
    ['download/%22%0A', '"\n'], [`download/${'x'.repeat(200)}`, 'x'.repeat(64)]]) {
    const socket = new WebSocket(`ws+unix:${hearth.socket}:/ws/${target}`, { headers: { Host: 'localhost' } });
    const told = [];
    socket.on('message', (text) => told.push(JSON.parse(text)));
    const [code] = await once(socket, 'close');
    assert.deepEqual([code, told], [1000, [{ type: 'error', message: `Task not found: ${id}` }]]);
  }
});

// ---- other names, the history ----

test('POST /api/download is the same', async () => {
  const bytes = bytesOf('same', 1000);
  const answer = await hearth.api('POST', '/api/download', { url: origin.file('/same', bytes), filename: 'same.bin' });
  assert.equal(answer.status, 201, JSON.stringify(answer));
  assert.equal((await ended(hearth, answer.data.task_id, { file: place('same.bin'), bytes })).status, 'completed');
});

test('the history is cleared of what has ended, and of nothing else', async () => {
  const bytes = bytesOf('cleared', 24 * MIB);
  await fetches(hearth, origin.file('/cleared', bytesOf('small', 10)), 'cleared-small.bin', bytesOf('small', 10));
  const { task_id } = await order(hearth, { url: origin.file('/clearing', bytes, SLOW), filename: 'cleared.bin' });
  assert.ok((await hearth.api('GET', '/api/history')).data.every((row) => row.task_id !== task_id));
  assert.equal((await hearth.api('DELETE', `/api/history/${task_id}`)).status, 409);
  assert.equal((await hearth.api('DELETE', '/api/history')).status, 204);
  assert.deepEqual((await hearth.api('GET', '/api/history')).data, []);
  assert.deepEqual((await downloads()).map((row) => row.task_id), [task_id]);
  assert.equal((await ended(hearth, task_id, { file: place('cleared.bin'), bytes })).status, 'completed');
});
