// What tests of downloads share: ordering one, following it to its end, and
// the rule that nothing wrong is ever seen under a file's final name.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Hearth, sleep } from './hearth.mjs';

const ENDS = ['completed', 'failed', 'cancelled'];

export function config(origins, more = '', endpoint = origins[0].url(''), headroom = 0) {
  const places = origins.flatMap((origin) => origin.places);
  return `huggingface: {endpoint: "${endpoint}"}
downloads:
  allow_http: ${JSON.stringify(places)}
  headroom_bytes: ${headroom}
${more}`;
}

export async function order(hearth, body) {
  const answer = await hearth.api('POST', '/api/models/download', body);
  assert.ok(answer.status === 201 || answer.status === 200, JSON.stringify(answer));
  return { ...answer.data, is_new: answer.status === 201 };
}

export async function show(hearth, id) {
  const answer = await hearth.api('GET', `/api/models/download/${id}`);
  assert.equal(answer.status, 200, JSON.stringify(answer));
  return answer.data;
}

// Nobody may see anything but the whole right file there. `bytes`: what is
// right; undefined: nothing is.
export function checkPlace(file, bytes) {
  let seen;
  try {
    seen = fs.readFileSync(file);
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
  assert.ok(bytes !== undefined, `${file} is there, ${seen.length} bytes`);
  assert.ok(seen.equals(bytes), `${file} is there and wrong: ${seen.length} of ${bytes.length} bytes`);
  return true;
}

// Until `is(task)`; looks at the final name all the way.
export async function follow(hearth, id, is, { file, bytes, ms = 60000 } = {}) {
  const end = Date.now() + ms;
  for (;;) {
    if (file) checkPlace(file, bytes);
    const task = await show(hearth, id);
    if (is(task)) return task;
    assert.ok(Date.now() < end, `download ${id} stays ${JSON.stringify(task)}`);
    await sleep(40);
  }
}

export function ended(hearth, id, options) {
  return follow(hearth, id, (task) => ENDS.includes(task.status), options);
}

// What a download leaves beside the file.
export function leftovers(file) {
  const folder = path.dirname(file);
  return fs.readdirSync(folder).filter((name) => name.startsWith(`${path.basename(file)}.`));
}

// Orders `url` as `name` and ends with exactly `bytes`.
export async function fetches(hearth, url, name, bytes, more = {}) {
  const { ms, ...body } = more;
  const file = path.join(hearth.models, name);
  const { task_id } = await order(hearth, { url, filename: name, ...body });
  const task = await ended(hearth, task_id, { file, bytes, ms });
  assert.equal(task.status, 'completed', JSON.stringify(task.error));
  assert.ok(checkPlace(file, bytes), `${file} is not there`);
  assert.deepEqual(leftovers(file), []);
  assert.equal(task.downloaded_bytes, bytes.length);
  assert.equal(task.total_bytes, bytes.length);
  assert.equal(task.progress, 100);
  return task;
}

// Orders it, and it fails in these words; nothing has the name.
export async function fails(hearth, url, name, words, more = {}) {
  const { ms, ...body } = more;
  const file = path.join(hearth.models, name);
  const { task_id } = await order(hearth, { url, filename: name, ...body });
  const task = await ended(hearth, task_id, { file, ms });
  assert.equal(task.status, 'failed');
  assert.match(task.error.message, words);
  assert.ok(!fs.existsSync(file));
  return task;
}

// Calls `body` with a daemon of its own and a folder of its own that has so
// much room; false when mounting is not allowed.
export async function withMount(origins, size, body, headroom = 0) {
  const daemon = await Hearth.start({ config: config(origins, '', undefined, headroom) });
  const folder = path.join(daemon.models, 'small');
  fs.mkdirSync(folder);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]).status === 0;
  try {
    if (mounted) await body(daemon, folder);
    return mounted;
  } finally {
    await daemon.stop({ keep: true });
    if (mounted) spawnSync('umount', [folder]);
    fs.rmSync(daemon.dir, { recursive: true, force: true });
  }
}
