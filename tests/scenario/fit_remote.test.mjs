// Fit of models that are on Hugging Face: the same numbers as once they are
// here, of nothing but their headers; and of lists, at a glance.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { parse, shardName, split, textKey, u32Key, withKeys, write } from './lib/gguf.mjs';
import { Hearth, HEARTH, until, writeModel } from './lib/hearth.mjs';
import { Hub } from './lib/hub.mjs';

const MIB = 1024 * 1024;
const TOKEN = 'hf_fitsecret', OTHER = 'hf_otherone';
const tokens = { [TOKEN]: { name: 'tester', sees: ['meta/gated'] }, [OTHER]: { name: 'other', sees: [] } };
let hub, hearth, small, large, shards;

function tiny(folder, options) {
  const file = path.join(folder, 'made.gguf');
  writeModel(file, { say: 'one two three', force: true, ...options });
  const bytes = fs.readFileSync(file);
  fs.rmSync(file);
  return bytes;
}

before(async () => {
  hub = await Hub.open({ tokens });
  hearth = await Hearth.start({ env: hub.env });
  small = tiny(hearth.dir, { arch: 'gemma3', layers: 6, ctx: 8192, type: 'Q8_0' });
  // 5 MiB of header, 24 MiB of tensors
  large = withKeys(tiny(hearth.dir, { dim: 1024, ffn: 4096, layers: 1, heads: 16, type: 'F16' }),
                   textKey('general.description', 'x'.repeat(5 * MIB)));
  shards = split(large, 4);
  const { repos } = hub.huggingface;
  const add = (id, files, more = {}) => {
    repos[id] = { files, ...more };
    hub.huggingface.complete(id, repos[id]);
  };
  add('some-org/tiny-GGUF', {
    'tiny-Q8_0.gguf': small, 'tiny-F16.gguf': large, 'mmproj-tiny-F16.gguf': Buffer.alloc(2 * MIB), 'README.md': Buffer.from('# tiny') });
  add('some-org/parts', Object.fromEntries(shards.map((bytes, i) => [`F16/${shardName('big-F16', i, 4)}`, bytes])));
  add('some-org/cut', Object.fromEntries(shards.slice(0, 3).map((bytes, i) => [shardName('big-F16', i, 4), bytes])));
  add('some-org/odd', {
    'alone-Q6_K.gguf': shards[0], 'noise-Q4_0.gguf': Buffer.alloc(3 * MIB, 7), 'cut-Q4_1.gguf': large.subarray(0, 6 * MIB),
    'endless-Q5_0.gguf': withKeys(small, textKey('general.description', 'x'.repeat(65 * MIB))) });
  add('some-org/tensors', { 'config.json': Buffer.from('{}'), 'model-1.safetensors': Buffer.alloc(3000),
                            'model-2.safetensors': Buffer.alloc(2000) });
  add('some-org/nothing', { 'README.md': Buffer.from('# nothing'), 'config.json': Buffer.from('{}') });
  add('meta/gated', { 'g-Q8_0.gguf': small }, { gated: 'manual' });
});
after(async () => {
  await hearth?.stop();
  await hub?.close();
});

async function fit(query, status = 200, daemon = hearth) {
  const answer = await daemon.api('GET', `/api/hub/fit?${new URLSearchParams(query)}`);
  assert.equal(answer.status, status, JSON.stringify(answer));
  return status < 400 ? answer.data : answer.error;
}
// What does not depend on where the model is and what else runs.
const bare = ({ model_id, devices, max_ctx, notes, remote, ...rest }) => rest;
const ranges = (from) => hub.storage.server.log.slice(from).map((entry) => entry.headers.range);

// While `work` runs, `answer` answers instead of the server's own, which it
// gets, too.
async function misbehaving(server, answer, work) {
  server.answer = (req, res, url) =>
    answer(req, res, url, (...args) => Object.getPrototypeOf(server).answer.apply(server, args));
  try {
    return await work();
  } finally {
    delete server.answer;
  }
}

// All of it, no faster than it is taken.
function pour(res, bytes, on_sent) {
  const piece = bytes.subarray(0, 65536);
  if (res.destroyed || piece.length === 0) {
    res.end();
    return;
  }
  on_sent(piece.length);
  res.write(piece, () => pour(res, bytes.subarray(piece.length), on_sent));
}

async function locally(bytes, ask = {}) {
  fs.writeFileSync(path.join(hearth.models, 'here.gguf'), bytes);
  assert.equal((await hearth.api('POST', '/api/models/scan?wait=1')).status, 200);
  return (await hearth.api('GET', `/api/models/here/fit?${new URLSearchParams(ask)}`)).data;
}

test('a model on the hub takes what it takes here, and only its header is read', async () => {
  const ask = { ctx: 4096, parallel: 2, cache_type_k: 'q8_0' };
  const here = await locally(large, ask);
  const n = hub.storage.server.log.length;
  const there = await fit({ source: 'huggingface', model_id: 'some-org/tiny-GGUF', variant: 'F16', ...ask });
  assert.deepEqual(bare(there), bare(here));
  assert.ok(there.total_bytes > large.length && there.ctx === 4096);
  const steps = ranges(n).map((range) => range.match(/^bytes=(\d+)-(\d+)$/).slice(1).map(Number));
  assert.deepEqual(steps[0], [0, MIB - 1]);
  assert.ok(steps.length >= 2 && steps.length <= 4, `${ranges(n)}`);
  steps.slice(1).forEach(([first], i) => assert.equal(first, steps[i][1] + 1));
  assert.equal(here.remote, null);
  const { read_bytes, ...remote } = there.remote;
  assert.deepEqual(remote, { source: 'huggingface', revision: hub.huggingface.repos['some-org/tiny-GGUF'].commit,
                             variant: 'F16', file: 'tiny-F16.gguf', n_files: 1, size_bytes: large.length });
  assert.ok(read_bytes > 5 * MIB && read_bytes <= 7 * MIB && read_bytes < large.length / 2, `${read_bytes}`);
  assert.match(there.notes.at(-1), /projector \(2 MiB\)/);
  const named = await fit({ model_id: 'some-org/tiny-GGUF', file: 'tiny-Q8_0.gguf', revision: 'main' });
  assert.deepEqual(bare(named), bare(await locally(small)));
  assert.equal(named.remote.read_bytes, Math.min(small.length, MIB));
});

test('every part counts', async () => {
  const here = await locally(large);
  const n = hub.storage.server.log.length;
  const there = await fit({ model_id: 'some-org/parts' });
  assert.deepEqual(bare(there), bare(here));
  assert.equal(there.remote.n_files, 4);
  assert.equal(there.remote.size_bytes, shards.reduce((sum, bytes) => sum + bytes.length, 0));
  assert.equal(there.remote.file, 'F16/big-F16-00001-of-00004.gguf');
  assert.ok(there.remote.read_bytes < there.remote.size_bytes / 2, `${there.remote.read_bytes}`);
  assert.equal(ranges(n).filter((range) => range === 'bytes=0-262143').length, 3);
  const named = await fit({ model_id: 'some-org/parts', file: 'F16/big-F16-00003-of-00004.gguf' });
  assert.deepEqual(bare(named), bare(here));
  const cut = await fit({ model_id: 'some-org/cut' }, 404);
  assert.match(cut.message, /3 of 4 parts/);
});

test('a server that knows no ranges is left after the header', async () => {
  let n_sent = 0;
  const there = await misbehaving(hub.storage, (req, res, url) => {
    const { bytes } = hub.storage.objects.get(url.pathname + url.search);
    res.writeHead(200, { 'Content-Length': bytes.length });
    pour(res, bytes, (n) => { n_sent += n; });
  }, () => fit({ model_id: 'some-org/tiny-GGUF', variant: 'F16' }));
  assert.deepEqual(bare(there), bare(await locally(large)));
  assert.ok(there.remote.read_bytes < large.length / 2 + 8 * MIB, `${there.remote.read_bytes}`);
  assert.ok(n_sent < 2 * large.length, `${n_sent} sent of ${large.length}`);
  const shifted = await misbehaving(hub.storage, (req, res) => { // other bytes than it is asked for
    res.writeHead(206, { 'Content-Range': `bytes 7-99/${small.length}`, 'Content-Length': 93 });
    res.end(small.subarray(7, 100));
  }, () => fit({ model_id: 'some-org/tiny-GGUF', variant: 'Q8_0' }, 502));
  assert.match(shifted.message, /other bytes/);
});

test('of safetensors only the size is told', async () => {
  const data = await fit({ model_id: 'some-org/tensors' });
  assert.deepEqual([data.is_weights_only, data.total_bytes, data.ctx, data.remote.n_files, data.remote.file],
                   [true, 5000, null, 2, null]);
  assert.match((await fit({ model_id: 'some-org/nothing' }, 422)).message, /no language model/);
});

test('what cannot be told is refused with words', async () => {
  const of = (query, status) => fit({ model_id: 'some-org/odd', ...query }, status);
  assert.match((await of({}, 422)).details[0].message, /several variants: .*Q4_0/);
  assert.equal((await of({ variant: 'Q9_9' }, 422)).details[0].field, 'variant');
  assert.match((await of({ variant: 'Q4_0' }, 422)).message, /GGUF/);
  assert.match((await of({ variant: 'Q6_K' }, 422)).message, /one of 4 parts/);
  assert.match((await of({ variant: 'Q4_1' }, 422)).message, /\w+ \w+/); // its tensors are cut off
  const n = hub.storage.server.log.length;
  assert.match((await of({ variant: 'Q5_0' }, 413)).message, /more than 64 MiB/);
  assert.deepEqual(ranges(n), ['bytes=0-1048575']);
  assert.match((await of({ file: 'nothing.gguf' }, 404)).message, /nothing\.gguf/);
  assert.equal((await of({ file: 'README.md' }, 422)).details[0].field, 'file');
  assert.equal((await fit({ model_id: 'some-org/tiny-GGUF', file: 'mmproj-tiny-F16.gguf' }, 422)).details[0].field, 'file');
  assert.match((await of({ revision: 'nowhere' }, 404)).message, /no revision nowhere/);
  assert.equal((await fit({}, 422)).details[0].field, 'model_id');
  assert.equal((await fit({ model_id: 'o--ne' }, 422)).details[0].field, 'model_id');
  assert.equal((await fit({ model_id: 'a/b', source: 'civitai' }, 422)).details[0].field, 'source');
  assert.equal((await fit({ model_id: 'a/b', ctx: 1 }, 422)).details[0].field, 'ctx');
  assert.match((await fit({ model_id: 'nobody/nothing' }, 401)).message, /does not exist on the hub or is private/);
  hub.huggingface.limit(1);
  assert.match((await fit({ model_id: 'some-org/odd' }, 429)).message, /wait 7 s/);
});

test('gated, offline: told as for a download', async () => {
  assert.match((await fit({ model_id: 'meta/gated' }, 401)).message, /meta\/gated is gated: accept its terms/);
  const start = (env) => Hearth.start({ env: { ...hub.env, ...env } });
  const [member, other, offline] = [await start({ HEARTH_HUGGINGFACE_TOKEN: TOKEN }),
    await start({ HEARTH_HUGGINGFACE_TOKEN: OTHER }), await start({ HEARTH_HUGGINGFACE_OFFLINE: '1' })];
  try {
    assert.deepEqual(bare(await fit({ model_id: 'meta/gated' }, 200, member)), bare(await locally(small)));
    assert.match((await fit({ model_id: 'meta/gated' }, 403, other)).message, /gated and this token has no access/);
    assert.match((await fit({ model_id: 'meta/gated' }, 503, offline)).message, /offline/);
    assert.ok(hub.storage.server.log.every((entry) => !entry.headers.authorization));
  } finally {
    for (const daemon of [member, other, offline]) await daemon.stop();
  }
});

test('a limit that comes between two steps is told', async () => {
  let n = 0;
  const error = await misbehaving(hub.huggingface, (req, res, url, usual) => {
    if (url.pathname.includes('/resolve/') && (n += 1) === 2) hub.huggingface.limit(1);
    usual(req, res, url);
  }, () => fit({ model_id: 'some-org/tiny-GGUF', variant: 'F16' }, 429));
  assert.match(error.message, /wait 7 s/);
});

test('stopping while a header is on its way', async () => {
  const daemon = await Hearth.start({ env: hub.env });
  const n = hub.storage.server.log.length;
  await misbehaving(hub.storage, () => {}, async () => {
    const asked = fit({ model_id: 'some-org/parts' }, 200, daemon).catch((error) => error);
    await until('the storage to be asked', () => hub.storage.server.log.length > n);
    process.kill(daemon.pid, 'SIGTERM');
    await until('it to stop', () => daemon.output().includes('asked to end'));
    assert.deepEqual(await daemon.stop(), { code: 0, signal: null }); // a second signal does not wait
    assert.ok(await asked instanceof Error);
  });
});

test('hearth fit ORG/NAME', async () => {
  const run = (...args) => new Promise((resolve) => {
    execFile(HEARTH, ['fit', ...args, '--data-dir', hearth.data], (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }));
  });
  const table = await run('some-org/tiny-GGUF:Q8_0', '--ctx', '4096');
  assert.equal(table.code, 0, table.stderr);
  assert.match(table.stdout, /tiny-Q8_0\.gguf, 1 file of [\d.]+ [KM]iB on Hugging Face; [\d.]+ [KM]iB of it read/);
  assert.match(table.stdout, /for a context of 4096 in 4 slots/);
  const json = await run('some-org/tiny-GGUF', '--variant', 'F16', '--revision', 'main', '--json');
  assert.equal(json.code, 0, json.stderr);
  assert.equal(JSON.parse(json.stdout).remote.file, 'tiny-F16.gguf');
  assert.equal((await run('some-org/parts@nowhere')).code, 4);
  assert.match((await run('some-org/odd')).stderr, /several variants/);
  const n = hub.huggingface.server.log.length;
  const missing = await run('no-such-model');
  assert.equal(missing.code, 4);
  assert.match(missing.stderr, /no model "no-such-model" in the library/);
  // What is here is not looked for elsewhere.
  fs.mkdirSync(path.join(hearth.models, 'some-org'), { recursive: true });
  fs.writeFileSync(path.join(hearth.models, 'some-org/mine.gguf'), small);
  await hearth.api('POST', '/api/models/scan?wait=1');
  const mine = (await hearth.api('GET', '/api/models?q=mine')).data[0];
  const local = await run(mine.name, '--json');
  assert.equal(local.code, 0, local.stderr);
  assert.equal(JSON.parse(local.stdout).remote, null);
  assert.equal(hub.huggingface.server.log.length, n);
  fs.rmSync(path.join(hearth.models, 'some-org'), { recursive: true });
});

test('models that fit, at a glance', async () => {
  fs.writeFileSync(path.join(hearth.models, 'here.gguf'), small);
  // 64 TiB of keys and values for 4096 tokens
  const sizes = { block_count: 1024, embedding_length: 2 ** 22, 'attention.head_count': 64, context_length: 131072 };
  fs.writeFileSync(path.join(hearth.models, 'huge.gguf'), write({ tensors: parse(small).tensors, keys: [
    textKey('general.architecture', 'llama'), ...Object.entries(sizes).map(([key, n]) => u32Key(`llama.${key}`, n))] }));
  await hearth.api('POST', '/api/models/scan?wait=1');
  const names = async (query) => (await hearth.api('GET', `/api/models?${query}`)).data.map((model) => path.basename(model.path));
  assert.deepEqual(await names('fits=true'), ['here.gguf']);
  assert.deepEqual(await names('fits=0'), ['huge.gguf']);
  assert.deepEqual((await names('')).sort(), ['here.gguf', 'huge.gguf']);
  assert.deepEqual(await names('fits=1&q=huge'), []);
  const page = await hearth.api('GET', '/api/models?fits=true&limit=1&offset=0');
  assert.equal(page.headers['x-total-count'], '1');
  assert.equal((await hearth.api('GET', '/api/models?fits=perhaps')).status, 422);
  const command = (...args) => promisify(execFile)(HEARTH, ['models', 'list', ...args, '--data-dir', hearth.data]);
  const { stdout } = await command('--fits', '--json');
  assert.deepEqual(JSON.parse(stdout).map((model) => path.basename(model.path)), ['here.gguf']);
  const table = (await command('--fits')).stdout.split('\n');
  assert.match(table[0], /^NAME +KIND +ARCH +PARAMS +QUANT +CONTEXT +SIZE +FROM *$/);
  assert.match(table[1], /^here +llm /);
  assert.equal(table.filter((line) => line !== '').length, 2);
  assert.match((await command('--fits', 'huge')).stdout, /^There are no models here/);
});
