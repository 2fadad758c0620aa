// Killed anywhere: kill -9 at 200 instants of downloads in several parts,
// the same instants in every run. Each file ends exact, at most one part is
// fetched again for each kill, and nothing wrong ever has the file's name.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { checkPlace, config, ended, leftovers, order } from './lib/downloads.mjs';
import { Hearth, sleep } from './lib/hearth.mjs';
import { Origin, bytesOf } from './lib/origin.mjs';

const MIB = 1024 * 1024;
const SIZE = 96 * MIB;
const CONNECTIONS = 4;
const PART = SIZE / (4 * CONNECTIONS); // as the engine cuts a file of this size
const KILLS = 200;
const RUN_MS = 900; // the longest of a run

let hearth, origin;
before(async () => {
  origin = await Origin.start();
  hearth = await Hearth.start({ config: config([origin], `  connections: ${CONNECTIONS}\n`) });
});
after(async () => {
  await hearth?.stop();
  await origin?.close();
});

// mulberry32
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const files = [];

async function begin() {
  const n = files.length + 1;
  const bytes = bytesOf(`kill ${n}`, SIZE);
  // Slow enough that what is under way is in hearth, not in sockets.
  const url = origin.file(`/file-${n}`, bytes, { etag: `"${n}"`, pace: { bytes: 64 * 1024, ms: 10 } });
  const filename = `file-${n}.bin`;
  const { task_id } = await order(hearth, { url, filename });
  files.push({ n, bytes, task_id, file: path.join(hearth.models, filename), kills: 0 });
}

// It has its name, so it is right; the task knows it too.
async function finish(one) {
  const task = await ended(hearth, one.task_id, { file: one.file, bytes: one.bytes });
  assert.equal(task.status, 'completed', JSON.stringify(task.error));
  assert.ok(checkPlace(one.file, one.bytes));
  assert.deepEqual(leftovers(one.file), []);
  const again = origin.sent(`/file-${one.n}`) - SIZE;
  assert.ok(again <= one.kills * PART + MIB,
            `${again} bytes were fetched again in ${one.kills} kills, ${again / one.kills} each`);
}

test(`${KILLS} kills`, { timeout: 170000 }, async () => {
  const next = random(20240229);
  await begin();
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(next() * RUN_MS);
    await hearth.kill9();
    const one = files.at(-1);
    one.kills += 1;
    const isThere = checkPlace(one.file, one.bytes);
    const started = hearth.spawn();
    if (isThere || kill === KILLS - 1) {
      await started;
      await finish(one);
      if (kill < KILLS - 1) await begin();
    } else {
      // Kills fall into its start too.
      started.catch(() => {});
    }
  }
  assert.ok(files.some((one) => one.kills > 10), 'no file lived through many kills');
});
