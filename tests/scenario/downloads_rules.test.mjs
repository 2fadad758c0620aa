// What downloads may take: room on the disk, bytes of a file, bytes a second,
// connections.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { checkPlace, config, ended, fails, fetches, follow, leftovers, order, withMount } from './lib/downloads.mjs';
import { Hearth } from './lib/hearth.mjs';
import { Origin, bytesOf } from './lib/origin.mjs';

const MIB = 1024 * 1024;
const SLOW = { pace: { bytes: 128 * 1024, ms: 25 } }; // 5 MiB/s each connection
let origin;

before(async () => {
  origin = await Origin.start();
});
after(() => origin?.close());

const NO_MOUNT = 'mounting is not allowed';

// A daemon of its own with these settings of downloads.
async function withSettings(settings, body) {
  const daemon = await Hearth.start({ config: config([origin], settings) });
  try {
    await body(daemon);
  } finally {
    await daemon.stop();
  }
}

// ---- room ----

test('what a part takes already is not needed once more', async (t) => {
  const bytes = bytesOf('again', 6 * MIB);
  origin.hub('org/again', { 'again.bin': { bytes, rule: (ask) => Origin.serve(ask, bytes, SLOW) } });
  const isDone = await withMount([origin], '8m', async (daemon, target) => {
    const orders = [['known', { model_id: 'org/again', files: ['again.bin'], target }],
                    ['unknown', { url: origin.file('/again', bytes, SLOW), filename: 'again.bin', target }]];
    for (const [what, body] of orders) {
      const file = path.join(target, 'again.bin');
      const { task_id } = await order(daemon, body);
      await follow(daemon, task_id, (task) => task.downloaded_bytes > 2 * MIB, { file });
      await daemon.api('POST', `/api/models/download/${task_id}/pause`);
      assert.equal((await daemon.api('POST', `/api/models/download/${task_id}/resume`)).status, 200);
      const task = await ended(daemon, task_id, { file, bytes });
      assert.equal(task.status, 'completed', `${what}: ${JSON.stringify(task.error)}`);
      assert.ok(checkPlace(file, bytes));
      fs.rmSync(file);
    }
  });
  if (!isDone) t.skip(NO_MOUNT);
});

test('a length that only the answer tells needs its room before a byte of it', async (t) => {
  const bytes = bytesOf('late', 9 * MIB);
  const isDone = await withMount([origin], '8m', async (daemon, target) => {
    const file = path.join(target, 'late.bin');
    const { task_id } = await order(daemon, { url: origin.file('/late', bytes, SLOW), filename: 'late.bin', target });
    const task = await ended(daemon, task_id, { file });
    assert.equal(task.status, 'failed');
    assert.equal(task.error.code, 'no_space');
    assert.match(task.error.message, new RegExp(`^${9 * MIB} bytes are needed .* the disk has 8\\d{6}`));
    assert.equal(task.downloaded_bytes, 0);
  });
  if (!isDone) t.skip(NO_MOUNT);
});

test('the files that a task has still to fetch need room from the beginning', async (t) => {
  const one = bytesOf('one of two', 5 * MIB), two = bytesOf('two of two', 5 * MIB);
  origin.hub('org/two', { 'one.bin': { bytes: one }, 'two.bin': { bytes: two } });
  const isDone = await withMount([origin], '8m', async (daemon, target) => {
    const { task_id } = await order(daemon, { model_id: 'org/two', files: ['one.bin', 'two.bin'], target });
    const task = await ended(daemon, task_id, { file: path.join(target, 'one.bin') });
    assert.equal(task.status, 'failed');
    assert.match(task.error.message, new RegExp(`^${5 * MIB} bytes are needed beside ${5 * MIB} that`));
  });
  if (!isDone) t.skip(NO_MOUNT);
});

test('what other tasks have still to fetch is not free', async (t) => {
  const half = bytesOf('half', 3 * MIB), third = bytesOf('third', 3 * MIB);
  const rule = (ask) => Origin.serve(ask, half, { pace: { bytes: 64 * 1024, ms: 100 } });
  origin.hub('org/halves', { 'one.bin': { bytes: half, rule }, 'two.bin': { bytes: half, rule } });
  const isDone = await withMount([origin], '8m', async (daemon, target) => {
    const first = await order(daemon, { model_id: 'org/halves', files: ['one.bin', 'two.bin'], target });
    await follow(daemon, first.task_id, (task) => task.downloaded_bytes > 0);
    for (const body of [{ url: origin.file('/third', third), filename: 'third.bin' }]) {
      const { task_id } = await order(daemon, { ...body, target });
      const task = await ended(daemon, task_id, { file: path.join(target, 'third.bin') });
      assert.equal(task.status, 'failed');
      assert.match(task.error.message, new RegExp(`^${3 * MIB} bytes are needed beside ${3 * MIB} that .* the disk has 5\\d{6}`));
    }
    assert.equal((await ended(daemon, first.task_id)).status, 'completed');
  });
  if (!isDone) t.skip(NO_MOUNT);
});

test('room that is to stay free stays free', async (t) => {
  const bytes = bytesOf('headroom', 3 * MIB);
  const url = origin.file('/headroom', bytes);
  // The lock and the journal take a little.
  for (const [headroom, status] of [[5 * MIB + 1, 'failed'], [5 * MIB - 65536, 'completed']]) {
    const isDone = await withMount([origin], '8m', async (daemon, target) => {
      const { task_id } = await order(daemon, { url, filename: 'headroom.bin', target });
      const task = await ended(daemon, task_id);
      assert.equal(task.status, status, JSON.stringify(task.error));
      if (status === 'failed') assert.equal(task.error.code, 'no_space');
    }, headroom);
    if (!isDone) t.skip(NO_MOUNT);
  }
});

// ---- a file's size ----

test('the largest file that may come', () => withSettings(`  max_file_bytes: ${MIB}\n`, async (daemon) => {
  const most = bytesOf('most', MIB), more = bytesOf('more', MIB + 1);
  await fetches(daemon, origin.file('/most', most), 'most.bin', most);
  await fetches(daemon, origin.file('/most-unknown', most, { isRanged: false, isChunked: true }), 'most-unknown.bin', most);
  for (const [name, options] of [['told', {}], ['whole', { isRanged: false }], ['unknown', { isRanged: false, isChunked: true }]]) {
    const task = await fails(daemon, origin.file(`/more-${name}`, more, options), `more-${name}.bin`, /downloads\.max_file_bytes/);
    assert.equal(task.error.code, 'too_large');
    assert.equal(origin.asked(`/more-${name}`).length, 1, 'it was tried again');
  }
  origin.hub('org/more', { 'more.bin': { bytes: more } });
  const target = path.join(daemon.models, 'more');
  const { task_id } = await order(daemon, { model_id: 'org/more', files: ['more.bin'], target });
  assert.equal((await ended(daemon, task_id)).error.code, 'too_large');
}));

// ---- connections ----

for (const n of [1, 3])
  test(`${n} connection${n === 1 ? '' : 's'} of a file`, () => withSettings(`  connections: ${n}\n`, async (daemon) => {
    const bytes = bytesOf(`connections ${n}`, 24 * MIB);
    await fetches(daemon, origin.file(`/connections-${n}`, bytes, SLOW), 'connections.bin', bytes);
    assert.equal(origin.most(`/connections-${n}`), n);
  }));

// ---- bandwidth ----

// "HH:MM-HH:MM" around now, and the hours that are not now.
function hours() {
  const at = (ms) => new Date(Date.now() + ms).toTimeString().slice(0, 5);
  return { now: `${at(-7200000)}-${at(7200000)}`, other: `${at(7200000)}-${at(-7200000)}` };
}

test('all downloads together have a limit, at its hours', () =>
  withSettings(`  limit_bytes_per_s: ${MIB}\n  limit_hours: "${hours().now}"\n`, async (daemon) => {
    const bytes = bytesOf('together', 2 * MIB);
    const ids = [];
    for (const i of [0, 1])
      ids.push((await order(daemon, { url: origin.file(`/together-${i}`, bytes), filename: `together-${i}.bin` })).task_id);
    const tasks = await Promise.all(ids.map((id) => ended(daemon, id)));
    for (const task of tasks) assert.equal(task.status, 'completed', JSON.stringify(task.error));
    const first = Math.min(...tasks.map((task) => task.started_at_ms));
    const last = Math.max(...tasks.map((task) => task.completed_at_ms));
    assert.ok(last - first >= 2000, `4 MiB in ${last - first} ms`);
    // What came is counted, the limit's pauses not twice.
    const { text } = await daemon.request('GET', '/metrics');
    const received = Number(/^hearth_download_bytes_total (\d+)$/m.exec(text)?.[1]);
    assert.equal(received, 4 * MIB);
  }));

test('at other hours there is none', () =>
  withSettings(`  limit_bytes_per_s: 4096\n  limit_hours: "${hours().other}"\n`, async (daemon) => {
    const bytes = bytesOf('unlimited', 4 * MIB); // 17 minutes with it
    await fetches(daemon, origin.file('/unlimited', bytes), 'unlimited.bin', bytes);
  }));

test('hours that are none are refused', () => withSettings('', async (daemon) => {
  for (const text of ['8-', '25:00-01:00', '08:00', '08:61-09:00', 'always'])
    assert.equal((await daemon.api('PUT', '/api/settings', { 'downloads.limit_hours': text })).status, 422, text);
  const answer = await daemon.api('PUT', '/api/settings', { 'downloads.limit_hours': '22:00-06:30' });
  assert.equal(answer.status, 200, JSON.stringify(answer));
}));

test('a limit of its own, at its hours; changed while it runs, kept over a restart', async () => {
  const daemon = await Hearth.start({ config: config([origin], '') });
  try {
    const { now, other } = hours();
    const bytes = bytesOf('own hours', 4 * MIB);
    // Outside its hours nothing slows it: with the limit it would be 17 minutes.
    await fetches(daemon, origin.file('/own-other', bytes), 'own-other.bin', bytes,
                  { limit_bytes_per_s: 4096, limit_hours: other });
    const slow = await order(daemon, { url: origin.file('/own-now', bytes), filename: 'own-now.bin',
                                       limit_bytes_per_s: 4096, limit_hours: now });
    const route = `/api/models/download/${slow.task_id}`;
    const show = async () => (await daemon.api('GET', route)).data;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    let task = await show();
    assert.equal(task.status, 'downloading');
    assert.ok(task.downloaded_bytes < MIB, `${task.downloaded_bytes} bytes`);
    assert.deepEqual([task.limit_bytes_per_s, task.limit_hours], [4096, now]);
    await daemon.stop({ keep: true });
    await daemon.spawn();
    task = await show();
    assert.deepEqual([task.limit_bytes_per_s, task.limit_hours], [4096, now]);
    for (const [body, field] of [[{ limit_hours: '8-' }, 'limit_hours'], [{ limit_hours: '25:00-01:00' }, 'limit_hours'],
                                 [{ limit_bytes_per_s: -1 }, 'limit_bytes_per_s'],
                                 [{ limit_bytes_per_s: 0, limit_hours: now }, 'limit_hours']]) {
      const answer = await daemon.api('POST', `${route}/limit`, body);
      assert.deepEqual([answer.status, answer.error.details[0].field], [422, field], JSON.stringify([body, answer]));
      const url = { url: origin.url('/own-now'), limit_bytes_per_s: MIB, ...body };
      const refused = await daemon.api('POST', '/api/download', url);
      assert.deepEqual([refused.status, refused.error.details[0].field], [422, field], JSON.stringify([url, refused]));
    }
    const changed = await daemon.api('POST', `${route}/limit`, { limit_hours: other });
    assert.deepEqual([changed.status, changed.data.limit_bytes_per_s, changed.data.limit_hours], [200, 4096, other]);
    task = await ended(daemon, slow.task_id);
    assert.equal(task.status, 'completed', JSON.stringify(task.error));
    assert.equal((await daemon.api('POST', `${route}/limit`, { limit_bytes_per_s: 1 })).status, 409, 'it has ended');
  } finally {
    await daemon.stop();
  }
});

test('what has come whole is neither paused nor cancelled, and says why', () => withSettings('', async (daemon) => {
  const bytes = bytesOf('arriving', 8 * MIB), file = path.join(daemon.models, 'arriving.bin');
  const { task_id } = await order(daemon, { url: origin.file('/arriving', bytes, SLOW), filename: 'arriving.bin' });
  await follow(daemon, task_id, (task) => task.downloaded_bytes > MIB, { file, bytes });
  // The library has so much to read that there is time to ask.
  for (let i = 0; i < 4000; i++) fs.writeFileSync(path.join(daemon.models, `busy-${i}.gguf`), `GGUF and no more ${i}`);
  const task = await follow(daemon, task_id, ({ status, files }) => status !== 'downloading' && files[0].status === 'completed');
  assert.equal(task.status, 'verifying');
  for (const verb of ['pause', 'cancel']) {
    const answer = await daemon.api('POST', `/api/models/download/${task_id}/${verb}`);
    assert.equal(answer.status, 409, JSON.stringify(answer));
    assert.match(answer.error.message, new RegExp(`cannot ${verb} .* all its files have come.*delete the model`));
  }
  assert.equal((await ended(daemon, task_id, { file, bytes })).status, 'completed');
  assert.ok(checkPlace(file, bytes));
}));

test('nothing of a cancelled one stays on the disk', () => withSettings('', async (daemon) => {
  const bytes = bytesOf('rest', 24 * MIB), file = path.join(daemon.models, 'rest.bin');
  const { task_id } = await order(daemon, { url: origin.file('/rest', bytes, SLOW), filename: 'rest.bin' });
  await follow(daemon, task_id, (task) => task.downloaded_bytes > MIB, { file });
  await daemon.api('POST', `/api/models/download/${task_id}/cancel`);
  assert.deepEqual(leftovers(file), []);
}));
