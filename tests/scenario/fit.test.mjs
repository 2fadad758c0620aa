// What Hearth says a model takes, beside what the real llama-server says it
// allocated. Models are generated; each engine runs for the moment of its
// load. One at a time, with at most 1 GiB of cache.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { shardName, split, textKey, withKeys, without, write } from './lib/gguf.mjs';
import { Hearth, HEARTH, freePort, request, sleep, writeModel } from './lib/hearth.mjs';

const ENGINE = process.env.HEARTH_LLAMA_SERVER;
const MIB = 1024 * 1024;
const WORDS = Array.from({ length: 730 }, (_, i) => `w${i}x`).join(' '); // a vocabulary to be seen

// model: of demo-model. ask: of the route, and by that of the engine.
// Latent attention is in F32: with anything else the engine fails on a
// processor with AMX.
const MATRIX = [
  { name: 'grouped queries, 512 MiB', kv: 512,
    model: { arch: 'llama', dim: 1024, ffn: 4096, heads: 16, 'kv-heads': 4, layers: 4, ctx: 131072, type: 'F16' } },
  { name: 'the same, 4 slots', kv: 256,
    model: { arch: 'llama', dim: 1024, ffn: 4096, heads: 16, 'kv-heads': 4, layers: 4, ctx: 131072, type: 'F16' },
    ask: { ctx: 65536, parallel: 4 } },
  { name: 'the same, q8_0', kv: 272,
    model: { arch: 'llama', dim: 1024, ffn: 4096, heads: 16, 'kv-heads': 4, layers: 4, ctx: 131072, type: 'F16' },
    ask: { cache_type_k: 'q8_0', cache_type_v: 'q8_0' } },
  { name: 'keys q8_0, values q4_0, odd context, 3 slots',
    model: { arch: 'qwen3', dim: 1024, ffn: 3072, heads: 16, 'kv-heads': 8, layers: 4, ctx: 32768, type: 'F16' },
    ask: { ctx: 10001, parallel: 3, cache_type_k: 'q8_0', cache_type_v: 'q4_0' } },
  { name: 'Q8_0 weights, biases',
    model: { arch: 'qwen2', dim: 2048, ffn: 5632, heads: 16, 'kv-heads': 4, layers: 3, ctx: 16384, type: 'Q8_0' },
    ask: { parallel: 2 } },
  { name: 'as many kv heads as heads, 288 MiB', kv: 288,
    model: { arch: 'llama', dim: 512, ffn: 1536, heads: 8, 'kv-heads': 8, layers: 9, ctx: 16384, type: 'F16' } },
  { name: 'sliding window, 364 MiB', kv: 364,
    model: { arch: 'gemma3', dim: 1024, ffn: 6912, heads: 4, 'kv-heads': 4, layers: 7, ctx: 65536, window: 1024, type: 'F16' } },
  { name: 'sliding window, 4 slots',
    model: { arch: 'gemma3', dim: 1024, ffn: 6912, heads: 4, 'kv-heads': 1, layers: 7, ctx: 32768, window: 1024, type: 'F16' },
    ask: { parallel: 4 } },
  { name: 'sliding window, 2 slots, q8_0',
    model: { arch: 'gemma3', dim: 512, ffn: 2048, heads: 4, 'kv-heads': 2, layers: 12, ctx: 32768, window: 512, type: 'F16' },
    ask: { parallel: 2, cache_type_k: 'q8_0', cache_type_v: 'q8_0' } },
  { name: 'experts, 8 of 16',
    model: { arch: 'qwen3moe', dim: 1024, ffn: 768, heads: 16, 'kv-heads': 4, layers: 2, ctx: 32768, experts: 16, 'experts-used': 8, type: 'F16' },
    ask: { parallel: 1 } },
  { name: 'experts whose results are wider',
    model: { arch: 'qwen3moe', dim: 2048, ffn: 768, heads: 16, 'kv-heads': 4, layers: 2, ctx: 8192, experts: 8, 'experts-used': 8, type: 'Q4_0' } },
  { name: 'latent attention, 272 MiB', kv: 272,
    model: { arch: 'deepseek2', dim: 1024, ffn: 2048, heads: 16, layers: 4, ctx: 65536, type: 'F32' },
    ask: { parallel: 1 } },
  { name: 'latent attention, 4 slots, wide heads',
    model: { arch: 'deepseek2', dim: 512, ffn: 1024, heads: 4, layers: 3, ctx: 16384, type: 'F32' },
    ask: { parallel: 4 } },
  { name: 'recurrent, 4 slots',
    model: { arch: 'mamba', dim: 1024, layers: 12, ctx: 131072, type: 'F16' } },
  { name: 'recurrent, 64 slots, 456 MiB of state',
    model: { arch: 'mamba', dim: 1024, layers: 48, ctx: 65536, type: 'Q4_0' },
    ask: { parallel: 64 } },
  { name: 'an embedding matrix that is the output, too', without: 'output.weight',
    model: { arch: 'llama', dim: 4096, ffn: 1024, heads: 16, 'kv-heads': 4, layers: 1, ctx: 8192, type: 'Q8_0', say: WORDS } },
  { name: 'the same, F16', without: 'output.weight',
    model: { arch: 'qwen3', dim: 4096, ffn: 1024, heads: 16, 'kv-heads': 4, layers: 1, ctx: 8192, type: 'F16', say: WORDS } },
  { name: 'in three parts', parts: 3,
    model: { arch: 'llama', dim: 1024, ffn: 4096, heads: 16, 'kv-heads': 4, layers: 6, ctx: 8192, type: 'Q8_0' } },
  { name: 'experts of Q8_0',
    model: { arch: 'qwen3moe', dim: 1024, ffn: 768, heads: 16, 'kv-heads': 4, layers: 3, ctx: 8192, experts: 8, 'experts-used': 2, type: 'Q8_0' } },
  { name: 'recurrent and attention in turn, 192 MiB', kv: 192,
    model: { arch: 'jamba', dim: 1024, ffn: 3072, heads: 16, 'kv-heads': 4, layers: 6, ctx: 65536, type: 'F16' } },
  { name: 'the same, 8 slots, q8_0',
    model: { arch: 'jamba', dim: 1024, ffn: 1024, heads: 16, 'kv-heads': 4, layers: 6, ctx: 32768, type: 'F16' },
    ask: { parallel: 8, cache_type_k: 'q8_0', cache_type_v: 'q8_0' } },
  { name: 'a context below what is computed at once',
    model: { arch: 'llama', dim: 1024, ffn: 4096, heads: 16, 'kv-heads': 4, layers: 4, ctx: 32768, type: 'F16' },
    ask: { ctx: 256, parallel: 1 } },
];

let hearth;

before(async () => {
  hearth = await Hearth.start();
});
after(() => hearth?.stop());

const file = (parts = 1) =>
  path.join(hearth.models, parts === 1 ? 'probe.gguf' : shardName('probe', 0, parts));

// `without`: a tensor that is left out. `parts`: files. `projector`: bytes.
async function put(model, { without: name, parts = 1, projector } = {}) {
  for (const old of fs.readdirSync(hearth.models).filter((entry) => entry.includes('probe')))
    fs.rmSync(path.join(hearth.models, old));
  writeModel(file(), { say: 'one two three', force: true, ...model });
  if (name) fs.writeFileSync(file(), without(fs.readFileSync(file()), name));
  if (parts > 1) {
    split(fs.readFileSync(file()), parts).forEach((bytes, i) =>
      fs.writeFileSync(path.join(hearth.models, shardName('probe', i, parts)), bytes));
    fs.rmSync(file());
  }
  if (projector) fs.writeFileSync(path.join(hearth.models, 'mmproj-probe-F16.gguf'), projector);
  const scan = await hearth.api('POST', '/api/models/scan?wait=1');
  assert.equal(scan.status, 200, JSON.stringify(scan));
}

async function fit(ask = {}) {
  const query = new URLSearchParams(ask).toString();
  const found = (await hearth.api('GET', '/api/models?q=probe')).data;
  assert.equal(found.length, 1, JSON.stringify(found));
  const answer = await hearth.api('GET', `/api/models/${found[0].id}/fit?${query}`);
  assert.equal(answer.status, 200, JSON.stringify(answer));
  return answer.data;
}

// Bytes by part as the engine reports them. `model` and `compute` may be in
// several buffers.
function reported(log) {
  const sums = { weights: 0, cache: 0, recurrent: 0, compute: 0, output: 0 };
  const parts = { model: 'weights', KV: 'cache', RS: 'recurrent', compute: 'compute', output: 'output' };
  for (const [, kind, size] of log.matchAll(/ (model|KV|RS|compute|output) +buffer size = +([\d.]+) MiB/g))
    sums[parts[kind]] += Number(size) * MIB;
  return sums;
}

// Loads the model in the engine and ends it.
async function load({ ask = {}, parts }) {
  const flags = { ctx: '-c', parallel: '-np', cache_type_k: '-ctk', cache_type_v: '-ctv' };
  const args = Object.entries(ask).flatMap(([key, value]) => [flags[key], String(value)]);
  const port = await freePort();
  const child = spawn(ENGINE, ['-m', file(parts), '-t', '1', '-tb', '1', '--host', '127.0.0.1', '--port', String(port),
                               '-lv', '4', '-fit', 'off', '--no-warmup', ...args]);
  let log = '';
  child.stdout.on('data', (bytes) => { log += bytes; });
  child.stderr.on('data', (bytes) => { log += bytes; });
  const ended = once(child, 'exit');
  const deadline = Date.now() + 30000;
  try {
    for (;;) {
      assert.equal(child.exitCode, null, `the engine ended:\n${log.slice(-2000)}`);
      assert.ok(Date.now() < deadline, `the engine is not ready:\n${log.slice(-2000)}`);
      const answer = await request(`http://127.0.0.1:${port}`, 'GET', '/health').catch(() => null);
      // It writes its log on a thread of its own: all is there after this line.
      if (answer?.status === 200 && /model loaded|listening on|slots are idle/.test(log)) return { ...reported(log), log };
      await sleep(20);
    }
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

const PARTS = ['weights', 'cache', 'recurrent', 'compute', 'output'];
const mib = (n) => (n / MIB).toFixed(2);

test('each part is what the real engine allocates', { skip: !ENGINE && 'no llama-server here' }, async () => {
  const lines = [];
  const wrong = [];
  for (const row of MATRIX) {
    await put(row.model, row);
    const said = await fit(row.ask);
    const real = await load(row);
    const part = (name) => said.parts.find((p) => p.name === name).bytes;
    const mine = { weights: part('weights') + part('repack'), cache: part('kv_attention') + part('kv_window'),
                   recurrent: part('recurrent'), compute: part('compute'), output: part('output') };
    const total = (sums) => PARTS.reduce((sum, key) => sum + sums[key], 0);
    mine.total = total(mine);
    real.total = total(real);
    for (const key of ['weights', 'compute', 'total'])
      assert.ok(real[key] > 0, `${row.name}: the engine says nothing of ${key}:\n${real.log.slice(-2000)}`);
    assert.equal(mine.total, said.total_bytes);
    assert.equal(said.is_guess, false);
    if (row.kv) assert.ok(real.cache >= row.kv * MIB - MIB / 4, `${row.name}: only ${mib(real.cache)} MiB of cache`);
    lines.push(`${row.model.arch}: ${row.name}`);
    for (const key of [...PARTS, 'total']) {
      const off = mine[key] - real[key];
      const isWrong = Math.abs(off) > Math.max(4 * MIB, 0.05 * real[key]);
      lines.push(`  ${key.padEnd(10)} ${mib(mine[key]).padStart(9)} said ${mib(real[key]).padStart(9)} real ${mib(off).padStart(7)}${isWrong ? '  WRONG' : ''}`);
      if (isWrong) wrong.push(`${row.name}, ${key}: ${mib(mine[key])} MiB said, ${mib(real[key])} MiB real`);
    }
    const [, n_ctx] = real.log.match(/llama_context: n_ctx += (\d+)/);
    assert.equal(said.ctx, Number(n_ctx), `${row.name}: the context as the engine rounds it`);
  }
  console.log(lines.join('\n'));
  assert.deepEqual(wrong, []);
});

test('all parts count, and a projector is told', async () => {
  const model = { arch: 'llama', dim: 512, layers: 4, ctx: 2048, type: 'F16' };
  const bare = ({ model_id, devices, max_ctx, ...rest }) => rest;
  await put(model);
  const whole = await fit();
  await put(model, { parts: 4 });
  assert.deepEqual(bare(await fit()), bare(whole));
  fs.rmSync(path.join(hearth.models, shardName('probe', 3, 4)));
  await hearth.api('POST', '/api/models/scan?wait=1');
  const [cut] = (await hearth.api('GET', '/api/models?q=probe')).data;
  const refused = await hearth.api('GET', `/api/models/${cut.id}/fit`);
  assert.equal(refused.status, 422, JSON.stringify(refused));
  assert.match(refused.error.message, /of 4 parts of .* only 3 are here/);
  assert.equal(whole.notes.some((note) => note.includes('projector')), false);
  const projector = withKeys(write({ keys: [], tensors: [] }), textKey('general.architecture', 'clip'),
                             textKey('pad', 'x'.repeat(3 * MIB)));
  await put(model, { projector });
  const { notes, ...beside } = bare(await fit());
  assert.match(notes.at(-1), /projector \(3 MiB\) is not counted/);
  assert.deepEqual({ ...beside, notes: whole.notes }, bare(whole));
  // It is counted where it is asked for, and where a profile has its engine load it.
  const n = fs.statSync(path.join(hearth.models, 'mmproj-probe-F16.gguf')).size;
  const part = ({ parts }) => parts.find((one) => one.name === 'projector').bytes;
  const counted = await fit({ mmproj: 'true' });
  assert.deepEqual([part(counted), counted.total_bytes], [n, whole.total_bytes + n]);
  assert.match(counted.notes.at(-1), /projector \(3 MiB\) is counted/);
  assert.equal(part(beside), 0);
  const [found] = (await hearth.api('GET', '/api/models?q=probe')).data;
  const made = await hearth.api('POST', '/api/profiles', { name: 'sees', model_path: found.path, options: { mmproj: found.mmproj_path } });
  assert.equal(made.status, 201, JSON.stringify(made));
  assert.equal(part(await fit()), n);
  assert.equal(part(await fit({ mmproj: 'false' })), 0);
  assert.equal((await hearth.api('DELETE', `/api/profiles/${made.data.id}`)).status, 204);
  assert.equal(part(await fit()), 0);
});

test('the largest context fits, and the next one does not', async () => {
  await put({ arch: 'llama', dim: 1024, heads: 16, 'kv-heads': 16, layers: 512, ctx: 1048576, ffn: 32, type: 'Q4_0' });
  const [ram] = (await fit()).devices;
  const { max_ctx: most } = await fit();
  assert.equal(most % 256, 0);
  assert.ok(most > 0 && most < 1048576, `${most} of ${mib(ram.total_bytes)} MiB`);
  // Memory comes and goes meanwhile: a good step below and above.
  assert.equal((await fit({ ctx: Math.floor(most * 0.8) })).fits, 'yes');
  assert.notEqual((await fit({ ctx: Math.ceil(most * 1.25) })).fits, 'yes');
  const much = await fit({ ctx: 1048576 });
  assert.equal(much.fits, 'no');
  assert.ok(much.devices[0].needed_bytes > ram.total_bytes);
});

test('what cannot be told is refused with words', async () => {
  await put({ arch: 'llama' });
  for (const bad of ['ctx=255', 'ctx=16777217', 'ctx=x', 'parallel=0', 'parallel=257', 'cache_type_k=q3',
                     'cache_type_v=', 'gpu_layers=-1', 'gpu_layers=1026']) {
    const answer = await hearth.api('GET', `/api/models/probe/fit?${bad}`);
    assert.equal(answer.status, 422, `${bad}: ${JSON.stringify(answer)}`);
    assert.equal(answer.error.details[0].field, bad.split('=')[0]);
  }
  assert.equal((await hearth.api('GET', '/api/models/nobody/fit')).status, 404);
  fs.writeFileSync(path.join(hearth.models, 'broken.gguf'), 'GGUF and nothing else');
  await hearth.api('POST', '/api/models/scan?wait=1');
  const broken = await hearth.api('GET', '/api/models/broken/fit');
  assert.equal(broken.status, 422);
  assert.match(broken.error.message, /\w+ \w+/);
});

test('of a folder of safetensors only the weights are told', async () => {
  const folder = path.join(hearth.models, 'tensors');
  const head = Buffer.from(JSON.stringify({ 'model.embed_tokens.weight': { dtype: 'F16', shape: [4, 4], data_offsets: [0, 32] } }));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(head.length));
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'model.safetensors'), Buffer.concat([size, head, Buffer.alloc(32)]));
  fs.writeFileSync(path.join(folder, 'config.json'), JSON.stringify({ model_type: 'llama', architectures: ['LlamaForCausalLM'] }));
  await hearth.api('POST', '/api/models/scan?wait=1');
  const answer = await hearth.api('GET', '/api/models/tensors/fit');
  assert.equal(answer.status, 200, JSON.stringify(answer));
  const { data } = answer;
  assert.equal(data.is_weights_only, true);
  assert.equal(data.max_ctx, null);
  assert.ok(data.total_bytes >= 8 + head.length + 32);
  assert.match(data.notes[0], /Only the weights/);
  assert.deepEqual(data.parts.filter((part) => part.bytes !== null).map((part) => part.name), ['weights']);
});

test('hearth fit shows it', async () => {
  await put({ arch: 'gemma3', layers: 6, ctx: 8192 });
  const run = (...args) => spawnSync(HEARTH, ['fit', 'probe', ...args, '--data-dir', hearth.data], { encoding: 'utf8' });
  const table = run('--ctx', '4096', '--parallel', '2', '--cache-type-k', 'q8_0');
  assert.equal(table.status, 0, table.stderr);
  for (const word of ['PART', 'weights', 'kv_window', 'compute', 'RAM', 'for a context of 4096 in 2 slots'])
    assert.ok(table.stdout.includes(word), `${word} in:\n${table.stdout}`);
  const json = run('--json', '--ctx', '4096');
  assert.equal(json.status, 0, json.stderr);
  assert.equal(JSON.parse(json.stdout).ctx, 4096);
  assert.notEqual(run('--ctx', '1').status, 0);
});
