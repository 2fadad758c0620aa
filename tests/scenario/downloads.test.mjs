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
  const task = await follow(hearth, task_id, (row) => row.status === 'cancelled', { file });
  assert.ok(task.ended_at_ms >= task.started_at_ms, `${task.ended_at_ms}`);
  assert.equal(task.completed_at_ms, null);
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
  assert.deepEqual(leftovers(file), []);
});

test('a cancel is answered when it is so', async () => {
  const bytes = bytesOf('answered', 24 * MIB), file = place('answered.bin');
  const url = origin.file('/answered', bytes, SLOW);
  for (const isPaused of [false, true]) {
    const { task_id } = await order(hearth, { url, filename: 'answered.bin' });
    await follow(hearth, task_id, (task) => task.downloaded_bytes > MIB, { file });
    if (isPaused) assert.equal((await post(task_id, 'pause')).data.status, 'paused');
    assert.ok(leftovers(file).length > 0);
    const answer = await hearth.api('DELETE', `/api/models/download/${task_id}`);
    assert.equal(answer.status, 200);
    assert.equal(answer.data.status, 'cancelled');
    assert.deepEqual(leftovers(file), []);
    assert.equal((await show(hearth, task_id)).status, 'cancelled');
  }
});

test('ordered twice at once it is one task', async () => {
  const bytes = bytesOf('twice', 1000), file = place('twice.bin');
  const url = origin.file('/twice', bytes);
  const orders = await Promise.all([1, 2, 3].map(() =>
    hearth.api('POST', '/api/models/download', { url, filename: 'twice.bin' })));
  assert.deepEqual(orders.map((answer) => answer.status).sort(), [200, 200, 201]);
  assert.equal(new Set(orders.map((answer) => answer.data.task_id)).size, 1);
  assert.equal((await ended(hearth, orders[0].data.task_id, { file, bytes })).status, 'completed');
});

// A task that has failed and left a part.
async function broken(name, bytes) {
  const url = origin.on(`/${name}`, (ask) => ask.n > 1
    ? { status: 404, headers: {}, body: Buffer.from('gone') } : Origin.serve(ask, bytes, { cutAt: MIB }));
  const { task_id } = await order(hearth, { url, filename: `${name}.bin` });
  assert.equal((await ended(hearth, task_id, { file: place(`${name}.bin`) })).status, 'failed');
  assert.ok(leftovers(place(`${name}.bin`)).length > 0);
  origin.file(`/${name}`, bytes);
  return { task_id, url };
}

test('a failed one is forgotten while it is ordered anew', async () => {
  const bytes = bytesOf('anew', 9 * MIB);
  for (let i = 0; i < 12; i++) {
    const name = `anew-${i}`, file = place(`${name}.bin`);
    const { task_id, url } = await broken(name, bytes);
    const [gone, anew] = await Promise.all([hearth.api('DELETE', `/api/history/${task_id}`),
                                            order(hearth, { url, filename: `${name}.bin` })]);
    // Whoever came first: forgotten, or in use again.
    assert.equal(gone.status, anew.task_id === task_id ? 409 : 204, JSON.stringify(gone));
    const task = await ended(hearth, anew.task_id, { file, bytes });
    assert.equal(task.status, 'completed', JSON.stringify(task.error));
    assert.deepEqual(leftovers(file), []);
    fs.rmSync(file);
  }
});

test('a failed one is cancelled while it is ordered, retried and reordered', async () => {
  const bytes = bytesOf('torn', 9 * MIB);
  for (let i = 0; i < 12; i++) {
    const name = `torn-${i}`, file = place(`${name}.bin`);
    const { task_id, url } = await broken(name, bytes);
    const [cancelled, anew, retried, reordered, forgotten] = await Promise.all([
      post(task_id, 'cancel'), order(hearth, { url, filename: `${name}.bin` }), post(task_id, 'retry'),
      post(task_id, 'priority', { priority: 7 }), hearth.api('DELETE', `/api/history/${task_id}`)]);
    // It is cancelled, or gone before that; nothing that was said of it later is a lie.
    assert.ok([200, 404].includes(cancelled.status), JSON.stringify(cancelled));
    if (cancelled.status === 200) assert.equal(cancelled.data.status, 'cancelled');
    for (const answer of [retried, reordered]) assert.ok([200, 404, 409].includes(answer.status), JSON.stringify(answer));
    assert.ok([204, 404, 409].includes(forgotten.status), JSON.stringify(forgotten));
    assert.notEqual(anew.status, 'failed');
    if (anew.task_id !== task_id) {
      const task = await ended(hearth, anew.task_id, { file, bytes });
      assert.equal(task.status, 'completed', JSON.stringify(task.error));
      fs.rmSync(file);
    }
    assert.deepEqual(leftovers(file), []);
  }
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
  assert.ok(failed.ended_at_ms >= failed.started_at_ms, `${failed.ended_at_ms}`);
  assert.equal(failed.completed_at_ms, null);
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

// The same address again, when its file lies where it was put.
for (const [what, options] of Object.entries({ 'an ETag': { etag: '"v1"' }, 'a length': {}, 'no ranges': { isRanged: false },
                                               'an ETag alone': { etag: '"v1"', isRanged: false, isChunked: true } }))
  test(`pulled again, nothing is fetched: ${what} tells that it is the same`, async () => {
    const name = what.replaceAll(' ', '-'), bytes = bytesOf(name, 3 * MIB), file = place(`${name}.bin`);
    const url = origin.file(`/again-${name}`, bytes, options);
    const first = await fetches(hearth, url, `${name}.bin`, bytes);
    const at = fs.statSync(file).mtimeMs, n = origin.asked(`/again-${name}`).length;
    const again = await fetches(hearth, url, `${name}.bin`, bytes);
    assert.notEqual(again.task_id, first.task_id);
    assert.equal(again.files[0].sha256, sha256(bytes));
    assert.equal(fs.statSync(file).mtimeMs, at, 'it was written again');
    const [question, ...more] = origin.asked(`/again-${name}`).slice(n);
    assert.equal(question.headers.range, 'bytes=0-0');
    assert.deepEqual(more, []);
  });

test('an empty file pulled again', async () => {
  const url = origin.file('/again-empty', Buffer.alloc(0));
  await fetches(hearth, url, 'again-empty.bin', Buffer.alloc(0));
  await fetches(hearth, url, 'again-empty.bin', Buffer.alloc(0));
});

test('pulled again, and it is not the same: nothing is overwritten', async () => {
  const bytes = bytesOf('v1', 3 * MIB), file = place('version.bin');
  const url = origin.file('/version', bytes, { etag: '"v1"' });
  const again = async (words) => {
    const { task_id } = await order(hearth, { url, filename: 'version.bin' });
    const task = await ended(hearth, task_id);
    assert.equal(task.status, 'failed');
    assert.equal(task.error.code, 'conflict');
    assert.match(task.error.message, new RegExp(`version.bin is there already, and ${words}: move it away, or choose`));
  };
  await fetches(hearth, url, 'version.bin', bytes);
  origin.file('/version', bytesOf('v2', 3 * MIB), { etag: '"v2"' });
  await again('its origin has another version now');
  origin.file('/version', bytes, {});
  await again('its origin has another version now'); // it does not say which
  origin.file('/version', bytesOf('v3', 2 * MIB), {});
  await again('its origin has another version now');
  assert.ok(checkPlace(file, bytes));
  origin.file('/version', bytes, { etag: '"v1"' });
  fs.appendFileSync(file, 'more');
  await again('it is another file');
  fs.rmSync(file);
  await fetches(hearth, url, 'version.bin', bytes);
});

test('history: an address is downloaded as it is now, to where it went', async () => {
  const one = bytesOf('now one', 1000), two = bytesOf('now two', 2000);
  const target = path.join(hearth.models, 'of-history'), file = path.join(target, 'now.bin');
  const { task_id } = await order(hearth, { url: origin.file('/now', one), filename: 'now.bin', target });
  await ended(hearth, task_id, { file, bytes: one });
  fs.rmSync(file);
  origin.file('/now', two);
  const again = await hearth.api('POST', `/api/history/${task_id}/download`);
  assert.equal(again.status, 201, JSON.stringify(again));
  const task = await ended(hearth, again.data.task_id, { file, bytes: two });
  assert.equal(task.status, 'completed', JSON.stringify(task.error));
  assert.ok(checkPlace(file, two));
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
