// A download's life: ordered, followed, paused, gone on with, ended, kept in
// the history; one queue, also over a restart.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { checkPlace, config, ended, fetches, follow, leftovers, order, show } from './lib/downloads.mjs';
import { Hearth, sleep, until, writeModel } from './lib/hearth.mjs';
import { Origin, bytesOf, sha256 } from './lib/origin.mjs';

const MIB = 1024 * 1024;
const SLOW = { pace: { bytes: 128 * 1024, ms: 25 } }; // 5 MiB/s each connection
let hearth, origin;

before(async () => {
  origin = await Origin.start();
  hearth = await Hearth.start({ config: config([origin], '  max_concurrent: 2\n') });
});
after(async () => {
  await hearth?.stop();
  await origin?.close();
});

const post = (id, verb, body) => hearth.api('POST', `/api/models/download/${id}/${verb}`, body);
const place = (name) => path.join(hearth.models, name);

// The records of a progress stream until it ends.
function records(id) {
  return new Promise((resolve, reject) => {
    const req = http.get({ socketPath: hearth.socket, path: `/api/models/download/${id}/progress`,
                           headers: { Host: 'localhost' } }, (res) => {
      assert.match(res.headers['content-type'], /event-stream/);
      const found = [];
      let rest = '';
      res.on('data', (chunk) => {
        const events = (rest + chunk).split('\n\n');
        rest = events.pop();
        for (const event of events) {
          const data = event.split('\n').filter((line) => line.startsWith('data:'))
            .map((line) => line.slice(5).trim()).join('\n');
          if (data) found.push({ at: Date.now(), ...JSON.parse(data) });
        }
      });
      res.on('end', () => resolve(found));
      res.on('error', reject);
    });
    req.on('error', reject);
  });
}

test('progress: the record first, growing, its end last; also afterwards', async () => {
  const bytes = bytesOf('progress', 24 * MIB);
  const { task_id, is_new } = await order(hearth, { url: origin.file('/progress', bytes, SLOW), filename: 'progress.bin' });
  assert.ok(is_new);
  const seen = await records(task_id);
  assert.equal(seen[0].task_id, task_id);
  assert.equal(seen.at(-1).status, 'completed');
  assert.equal(seen.filter((row) => row.status === 'completed').length, 1);
  const running = seen.filter((row) => row.status === 'downloading');
  assert.ok(running.length > 3, `${running.length} records`);
  for (let i = 1; i < running.length; i++)
    assert.ok(running[i].downloaded_bytes >= running[i - 1].downloaded_bytes);
  for (const row of running) assert.ok(row.progress < 100);
  assert.ok(running.some((row) => row.bytes_per_s > 0 && row.eta_s !== null));
  // At most ten a second, changes of state beside.
  const [first, last] = [running[0].at, running.at(-1).at];
  assert.ok(running.length <= (last - first) / 100 + 5, `${running.length} in ${last - first} ms`);
  assert.ok(checkPlace(place('progress.bin'), bytes));
  assert.equal(seen.at(-1).files[0].sha256, sha256(bytes));

  const again = await records(task_id);
  assert.equal(again.length, 1);
  assert.equal(again[0].status, 'completed');
});

test('several connections share a file', async () => {
  const bytes = bytesOf('shared', 24 * MIB);
  await fetches(hearth, origin.file('/shared', bytes, SLOW), 'shared.bin', bytes);
  const ranges = origin.asked('/shared').map((entry) => entry.headers.range);
  assert.equal(new Set(ranges).size, ranges.length);
  assert.ok(ranges.length >= 4, ranges.join(' '));
  assert.equal(origin.sent('/shared'), bytes.length);
});

test('pause and resume keep what came', async () => {
  const bytes = bytesOf('pause', 24 * MIB), file = place('pause.bin');
  const { task_id } = await order(hearth, { url: origin.file('/pause', bytes, SLOW), filename: 'pause.bin' });
  await follow(hearth, task_id, (task) => task.downloaded_bytes > 8 * MIB, { file, bytes });
  assert.equal((await post(task_id, 'pause')).status, 200);
  const paused = await follow(hearth, task_id, (task) => task.status === 'paused', { file });
  assert.ok(paused.downloaded_bytes > 8 * MIB);
  const sent = await until('the origin to be quiet', async () => {
    const before = origin.sent('/pause');
    await sleep(100);
    return before === origin.sent('/pause') ? before : 0;
  });
  assert.ok((await hearth.api('GET', '/api/models/downloads/active')).data.some((row) => row.task_id === task_id));
  assert.equal((await post(task_id, 'retry')).status, 409);
  assert.equal((await post(task_id, 'resume')).status, 200);
  const task = await ended(hearth, task_id, { file, bytes });
  assert.equal(task.status, 'completed', JSON.stringify(task.error));
  assert.ok(checkPlace(file, bytes));
  assert.ok(sent < bytes.length);
  assert.ok(origin.sent('/pause') <= bytes.length + 4 * MIB, `${origin.sent('/pause')} sent`);
  assert.equal((await post(task_id, 'pause')).status, 409);
});

test('cancel removes what there is', async () => {
  const bytes = bytesOf('cancel', 24 * MIB), file = place('cancel.bin');
  const { task_id } = await order(hearth, { url: origin.file('/cancel', bytes, SLOW), filename: 'cancel.bin' });
  await follow(hearth, task_id, (task) => task.downloaded_bytes > MIB, { file });
  assert.ok(leftovers(file).includes('cancel.bin.part'));
  assert.equal((await hearth.api('DELETE', `/api/models/download/${task_id}`)).status, 200);
  await follow(hearth, task_id, (task) => task.status === 'cancelled', { file });
  assert.deepEqual(leftovers(file), []);
  assert.equal((await post(task_id, 'resume')).status, 409);
});

test('cancel of a paused one removes what there is', async () => {
  const bytes = bytesOf('cancel paused', 24 * MIB), file = place('cancel2.bin');
  const { task_id } = await order(hearth, { url: origin.file('/cancel2', bytes, SLOW), filename: 'cancel2.bin' });
  await follow(hearth, task_id, (task) => task.downloaded_bytes > MIB, { file });
  await post(task_id, 'pause');
  await follow(hearth, task_id, (task) => task.status === 'paused', { file });
  assert.ok(leftovers(file).length > 0);
  await post(task_id, 'cancel');
  await until('it to be swept', () => leftovers(file).length === 0);
});

test('retry after a failure goes on from what came', async () => {
  const bytes = bytesOf('retry', 24 * MIB), file = place('retry.bin');
  let isWell = false;
  const url = origin.on('/retry', (ask) => ask.n > 3 && !isWell
    ? { status: 404, headers: {}, body: Buffer.from('gone for now') } : Origin.serve(ask, bytes));
  const { task_id } = await order(hearth, { url, filename: 'retry.bin' });
  const failed = await ended(hearth, task_id, { file });
  assert.equal(failed.status, 'failed');
  assert.match(failed.error.message, /404: gone for now/);
  const sent = origin.sent('/retry');
  isWell = true;
  assert.equal((await post(task_id, 'retry')).status, 200);
  const task = await ended(hearth, task_id, { file, bytes });
  assert.equal(task.status, 'completed', JSON.stringify(task.error));
  assert.equal(task.error, null);
  assert.ok(origin.sent('/retry') <= sent + bytes.length - 4 * MIB, 'nothing was kept');
});

test('the same ordered again after a failure is tried again, with its token', async () => {
  const bytes = bytesOf('token', 1000), file = place('token.bin');
  const url = origin.on('/token', (ask) => ask.headers.authorization === 'Bearer good-token-1'
    ? Origin.serve(ask, bytes) : { status: 401, headers: {}, body: Buffer.from('who are you') });
  const first = await order(hearth, { url, filename: 'token.bin' });
  assert.match((await ended(hearth, first.task_id, { file })).error.message, /401: who are you/);
  const again = await order(hearth, { url, filename: 'token.bin', token: 'good-token-1' });
  assert.equal(again.task_id, first.task_id);
  const task = await ended(hearth, again.task_id, { file, bytes });
  assert.equal(task.status, 'completed', JSON.stringify(task.error));
  assert.ok(!fs.readFileSync(path.join(hearth.data, 'hearth.db')).includes('good-token-1'));
});

test('an origin that says the token again has it hidden', async () => {
  const token = 'secret-token-77', said = `no ${token} here`;
  const answers = {
    body: { headers: {}, body: Buffer.from(said) },
    json: { headers: {}, body: Buffer.from(JSON.stringify({ error: { message: said } })) },
    header: { headers: { 'x-error-message': said }, body: Buffer.from('') },
    long: { headers: {}, body: Buffer.from('x'.repeat(290) + said) },
  };
  for (const [name, answer] of Object.entries(answers)) {
    const url = origin.on(`/says-${name}`, () => ({ status: 401, ...answer }));
    const { task_id } = await order(hearth, { url, filename: `says-${name}.bin`, token });
    const task = await ended(hearth, task_id, { file: place(`says-${name}.bin`) });
    assert.equal(task.status, 'failed');
    assert.match(task.error.message, name === 'long' ? /401: x{290}no \*\*\* her$/ : /401: no \*\*\* here/);
  }
  for (const file of fs.readdirSync(hearth.data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()))
    assert.ok(!fs.readFileSync(path.join(file.path, file.name)).includes(token), `${file.name} holds it`);
});

test('two of one repository that share a file do not meet', async () => {
  const both = bytesOf('both', 6 * MIB), own = bytesOf('own', 10);
  const rule = (ask) => Origin.serve(ask, both, SLOW);
  origin.hub('org/both', { 'both.bin': { bytes: both, rule }, 'own.bin': { bytes: own } });
  const one = await order(hearth, { model_id: 'org/both', files: ['both.bin'] });
  const two = await order(hearth, { model_id: 'org/both', files: ['both.bin', 'own.bin'] });
  assert.notEqual(one.task_id, two.task_id);
  for (const { task_id } of [one, two]) {
    const task = await ended(hearth, task_id);
    assert.equal(task.status, 'completed', JSON.stringify(task.error));
    for (const row of task.files)
      assert.ok(checkPlace(row.place, row.path === 'own.bin' ? own : both));
  }
});

test('one queue: so many at once, the more urgent first', async () => {
  const bytes = bytesOf('queue', 6 * MIB);
  const ids = [];
  for (const [i, priority] of [0, 0, 1, 5].entries())
    ids.push((await order(hearth, { url: origin.file(`/queue-${i}`, bytes, SLOW),
                                    filename: `queue-${i}.bin`, priority })).task_id);
  const rows = await Promise.all(ids.map((id) => show(hearth, id)));
  assert.ok(rows.filter((row) => row.status === 'queued').length >= 2, rows.map((row) => row.status).join());
  assert.equal((await post(ids[2], 'priority', { priority: 9 })).status, 200);
  const tasks = await Promise.all(ids.map((id) => ended(hearth, id)));
  for (const task of tasks) assert.equal(task.status, 'completed');
  assert.ok(tasks[2].started_at_ms <= tasks[3].started_at_ms);
  // Never more than two at the same time.
  for (const task of tasks) {
    const beside = tasks.filter((row) => row !== task && row.started_at_ms < task.started_at_ms
      && row.completed_at_ms > task.started_at_ms);
    assert.ok(beside.length <= 1, 'three at once');
  }
});

test('a limit of its own slows it', async () => {
  const bytes = bytesOf('limited', 3 * MIB);
  const task = await fetches(hearth, origin.file('/limited', bytes), 'limited.bin', bytes,
                             { limit_bytes_per_s: MIB });
  assert.ok(task.completed_at_ms - task.started_at_ms >= 1000, `${task.completed_at_ms - task.started_at_ms} ms`);
});

test('the history: found, downloaded again, forgotten', async () => {
  const bytes = bytesOf('history', 1000), file = place('history.bin');
  const task = await fetches(hearth, origin.file('/history', bytes), 'history.bin', bytes);
  const found = await hearth.api('GET', '/api/history/search?q=HISTORY.bin');
  assert.deepEqual(found.data.map((row) => row.task_id), [task.task_id]);
  fs.rmSync(file);
  const again = await hearth.api('POST', `/api/history/${task.task_id}/download`);
  assert.equal(again.status, 201);
  assert.equal((await ended(hearth, again.data.task_id, { file, bytes })).status, 'completed');
  assert.ok(checkPlace(file, bytes));
  assert.equal((await hearth.api('DELETE', `/api/history/${task.task_id}`)).status, 204);
  assert.equal((await hearth.api('GET', `/api/models/download/${task.task_id}`)).status, 404);
  assert.ok(checkPlace(file, bytes), 'its file is gone');
});

test('bad orders are refused', async () => {
  const cases = [{}, { url: 'ftp://127.0.0.1/x' }, { url: 'no url' }, { url: 'http://127.0.0.3:81/x.bin' },
                 { url: origin.url('/x.bin'), priority: 5000 }, { url: origin.url('/x.bin'), limit_bytes_per_s: -1 }];
  for (const body of cases) {
    const answer = await hearth.api('POST', '/api/models/download', body);
    assert.ok(answer.status === 422 || answer.status === 403 || answer.status === 400,
              `${JSON.stringify(body)}: ${answer.status}`);
  }
  assert.equal((await hearth.api('GET', '/api/models/download/nobody')).status, 404);
  assert.equal((await post('nobody', 'pause')).status, 404);
});

test('a restart goes on, and knows tasks of an earlier run', async () => {
  const bytes = bytesOf('restart', 24 * MIB), file = place('restart.bin');
  const done = await fetches(hearth, origin.file('/earlier', bytesOf('earlier', 10)), 'earlier.bin', bytesOf('earlier', 10));
  const { task_id } = await order(hearth, { url: origin.file('/restart', bytes, SLOW), filename: 'restart.bin' });
  await follow(hearth, task_id, (task) => task.downloaded_bytes > 8 * MIB, { file, bytes });
  await hearth.stop({ keep: true });
  checkPlace(file, bytes);
  await hearth.spawn();
  const [record] = await records(done.task_id);
  assert.equal(record.status, 'completed');
  const task = await ended(hearth, task_id, { file, bytes });
  assert.equal(task.status, 'completed', JSON.stringify(task.error));
  assert.ok(checkPlace(file, bytes));
  // An orderly end loses nothing but what was in sockets.
  assert.ok(origin.sent('/restart') <= bytes.length + 4 * MIB, `${origin.sent('/restart')} sent`);
});

test('what is complete is in the library already', async () => {
  const made = place('../made.gguf');

  writeModel(made, { say: 'hello' });
  const bytes = fs.readFileSync(made);
  await fetches(hearth, origin.file('/tiny', bytes), 'tiny.gguf', bytes);

  const { data } = await hearth.api('GET', '/api/models');
  const model = data.find(({ path: where }) => where.endsWith('tiny.gguf'));

  assert.deepEqual(model?.origins, [origin.url('/tiny')]);
});
