// From the hub to an answer: searched for, pulled, killed and gone on with,
// run by the name that it was pulled by; and in the hub's cache as the hub's
// own library wants it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { scanCacheDir } from '@huggingface/hub';
import { HEARTH, Hearth, until, writeModel } from './lib/hearth.mjs';
import { Hub } from './lib/hub.mjs';
import { gitSha1, sha256 } from './lib/storage.mjs';

const MIB = 1024 * 1024;
const LARGE = { dim: 1024, ffn: 4096, layers: 3, type: 'F16', ctx: 512 }; // 86 MiB
let hub, hearth, made, large, small, plain, told;

before(async () => {
  made = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-made-'));
  const write = (name, options) => {
    writeModel(path.join(made, name), options);
    return fs.readFileSync(path.join(made, name));
  };
  large = write('large.gguf', { say: 'whole and exact', ...LARGE });
  small = write('small.gguf', { say: 'small one', type: 'Q8_0' });
  plain = write('plain.gguf', { say: 'from an address' });
  hub = await Hub.open({ repos: {
    'some-org/Tiny-GGUF': { tags: ['gguf'], downloads: 10, library: 'gguf', files: {
      'README.md': Buffer.from('# tiny\n'), 'tiny-F16.gguf': large, 'tiny-Q8_0.gguf': small } },
    'some-org/Pair-GGUF': { isUnlisted: true, files: { 'x/a.Q8_0.gguf': plain, 'x/b.Q8_0.gguf': small } },
    gpt2: { isUnlisted: true, files: { 'gpt2-Q8_0.gguf': small } },
    'other-org/Folder-GGUF': { tags: ['gguf'], downloads: 9, files: { 'sub/folder-Q4_0.gguf': small } },
    'mlx-org/Small-4bit': { tags: ['mlx'], downloads: 8, library: 'mlx', files: {
      'config.json': Buffer.from(JSON.stringify({ model_type: 'qwen3', architectures: ['Qwen3ForCausalLM'],
                                                  quantization: { bits: 4, group_size: 64 } })),
      'tokenizer.json': Buffer.from('{}'), 'model.safetensors': safetensors() } } } });
  hearth = await Hearth.start({ env: hub.env });
});
after(async () => {
  await hearth?.stop();
  await hub?.close();
  fs.rmSync(made, { recursive: true, force: true });
});

// One tensor of 64 half-precision zeros.
function safetensors() {
  const head = JSON.stringify({ weight: { dtype: 'F16', shape: [64], data_offsets: [0, 128] } });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  return Buffer.concat([length, Buffer.from(head), Buffer.alloc(128)]);
}

function start(...args) {
  return spawn(HEARTH, args, { stdio: ['ignore', 'pipe', 'pipe'], env: {
    ...process.env, HEARTH_DATA_DIR: hearth.data, HEARTH_API_KEY: '', HEARTH_URL: '', XDG_CONFIG_HOME: hearth.dir } });
}

async function finish(child) {
  const texts = { out: '', err: '' };
  child.stdout.on('data', (chunk) => { texts.out += chunk; });
  child.stderr.on('data', (chunk) => { texts.err += chunk; });
  const [code] = await once(child, 'close');
  return { code, ...texts };
}

async function ok(...args) {
  const done = await finish(start(...args));
  assert.equal(done.code, 0, `hearth ${args.join(' ')}: ${done.err}${done.out}`);
  return done.out;
}

const active = async () => (await hearth.api('GET', '/api/models/downloads/active')).data;
const cache = () => path.join(hearth.home, '.cache/huggingface/hub');

test('search finds it', async () => {
  const { models } = JSON.parse(await ok('search', 'tiny', '--json'));
  assert.deepEqual(models.map((row) => row.model_id), ['some-org/Tiny-GGUF']);
});

test('fit tells before the download, from a piece of it, what it takes', async () => {
  told = JSON.parse(await ok('fit', 'some-org/Tiny-GGUF:F16', '--ctx', '512', '--json'));
  assert.equal(told.remote.size_bytes, large.length);
  assert.ok(told.remote.read_bytes < large.length / 10, `${told.remote.read_bytes} bytes were read`);
  assert.ok(told.total_bytes > large.length * 0.95 && told.total_bytes < large.length * 1.5, `${told.total_bytes}`);
});

test('what is not here is not run', async () => {
  const { code, err } = await finish(start('run', 'some-org/Tiny-GGUF:F16', 'hi'));
  assert.equal(code, 4);
  assert.match(err, /some-org\/Tiny-GGUF:F16/);
});

test('killed three times, pulled again, it is whole and answers', async () => {
  hub.storage.pace = { bytes: 256 * 1024, ms: 25 }; // 10 MiB/s for each connection
  for (let kill = 1; kill <= 3; kill++) {
    const pull = start('pull', 'some-org/Tiny-GGUF:F16');
    const ended = finish(pull);
    await until(`some of it to be there, ${kill}`, async () =>
      (await active()).some((task) => task.downloaded_bytes > kill * 12 * MIB));
    await hearth.kill9();
    assert.notEqual((await ended).code, 0, 'pull says well done without a daemon');
    await hearth.spawn();
  }
  hub.storage.pace = null;
  await ok('pull', 'some-org/Tiny-GGUF:F16');
  assert.equal(await ok('run', 'some-org/Tiny-GGUF:F16', 'hi'), 'whole and exact\n');
  const here = JSON.parse(await ok('fit', 'some-org/Tiny-GGUF:F16', '--ctx', '512', '--json'));
  assert.equal(here.total_bytes, told.total_bytes, 'as it was told before');
  const { data } = await hearth.api('GET', '/api/models');
  const model = data.find(({ origins }) => origins.includes('some-org/Tiny-GGUF'));
  assert.equal(sha256(fs.readFileSync(model.path)), sha256(large));
  assert.equal(model.size_bytes, large.length);
});

test('a second one of the repository; each goes by its variant', async () => {
  await ok('pull', 'some-org/Tiny-GGUF', '--variant', 'Q8_0');
  assert.equal(await ok('run', 'some-org/Tiny-GGUF:Q8_0', 'hi'), 'small one\n');
  assert.equal(await ok('run', 'some-org/tiny-gguf:f16', 'hi'), 'whole and exact\n');
  const answer = await hearth.chat('some-org/Tiny-GGUF:Q8_0');
  assert.equal(answer.json().choices[0].message.content.trim(), 'small one');
});

test("the hub's own library finds them in its cache", async () => {
  const { repos, warnings } = await scanCacheDir(cache());
  assert.deepEqual(warnings, []);
  assert.deepEqual(repos.map((repo) => repo.id), [{ name: 'some-org/Tiny-GGUF', type: 'model' }]);
  const [{ revisions, size }] = repos;
  assert.equal(size, large.length + small.length);
  assert.equal(revisions.length, 1);
  assert.equal(revisions[0].commitOid, hub.huggingface.repos['some-org/Tiny-GGUF'].commit);
  assert.deepEqual(revisions[0].refs, ['main']);
  const files = new Map(revisions[0].files.map((file) => [path.basename(file.path), file.blob]));
  assert.deepEqual([...files.keys()].sort(), ['tiny-F16.gguf', 'tiny-Q8_0.gguf']);
  assert.equal(path.basename(files.get('tiny-F16.gguf').path), sha256(large));
  assert.ok(fs.readFileSync(files.get('tiny-Q8_0.gguf').path).equals(small));
});

test('a folder of files is one model, each file as the hub has it', async () => {
  const id = 'mlx-org/Small-4bit';
  await ok('pull', id);
  const { data } = await hearth.api('GET', '/api/models');
  const model = data.find(({ origins }) => origins.includes(id));
  assert.equal(model.name, 'Small-4bit');
  assert.equal(model.format, 'mlx');
  assert.equal(model.kind, 'llm');
  const { files } = hub.huggingface.repos[id];
  const { repos, warnings } = await scanCacheDir(cache());
  assert.deepEqual(warnings, []);
  const [revision] = repos.find((repo) => repo.id.name === id).revisions;
  assert.equal(revision.files.length, Object.keys(files).length);
  for (const { path: file, blob } of revision.files) {
    const its = files[path.basename(file)];
    assert.ok(fs.readFileSync(file).equals(its.bytes), file);
    assert.equal(path.basename(blob.path), its.sha256 ?? its.oid);
  }
});

test('a small file that is not what the hub says is not taken', async () => {
  const { files } = hub.huggingface.repos['mlx-org/Small-4bit'];
  const wrong = { ...files['config.json'], oid: gitSha1(Buffer.from('another')) };
  hub.huggingface.repos['mlx-org/Wrong-4bit'] = {
    id: 'mlx-org/Wrong-4bit', commit: 'd'.repeat(40), files: { ...files, 'config.json': wrong } };
  const { code, err } = await finish(start('pull', 'mlx-org/Wrong-4bit'));
  assert.notEqual(code, 0);
  assert.match(err, /checksum is wrong: Git's/);
  const blobs = path.join(cache(), 'models--mlx-org--Wrong-4bit/blobs');
  assert.ok(!fs.existsSync(path.dirname(blobs)), 'what was made for it is empty and goes');
});

test('folders that were made for what did not come go again, and no others', async () => {
  const { files } = hub.huggingface.repos['mlx-org/Small-4bit'];
  const id = 'mlx-org/Gone-4bit', folder = path.join(cache(), 'models--mlx-org--Gone-4bit');
  const blobs = path.join(folder, 'blobs');
  // What the hub lists is not what it has.
  const wrong = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, { ...file,
    oid: gitSha1(Buffer.from(`${name} of another`)), ...(file.sha256 ? { sha256: sha256(Buffer.from(name)) } : {}) }]));
  hub.huggingface.repos[id] = { id, commit: 'f'.repeat(40), files: wrong };
  const fails = async () => {
    const { code, err } = await finish(start('pull', id));
    assert.notEqual(code, 0);
    assert.match(err, /checksum is wrong/);
  };
  await fails();
  assert.ok(!fs.existsSync(folder));
  fs.mkdirSync(blobs, { recursive: true }); // another program begins
  await fails();
  assert.deepEqual(fs.readdirSync(folder), ['blobs']);
  fs.rmSync(folder, { recursive: true });
  fs.mkdirSync(folder);
  await fails(); // "blobs" was made for it
  assert.deepEqual(fs.readdirSync(folder), []);
  fs.writeFileSync(path.join(folder, 'theirs'), '');
  await fails();
  assert.deepEqual(fs.readdirSync(folder), ['theirs']);
  fs.rmSync(folder, { recursive: true });
  const { warnings } = await scanCacheDir(cache());
  assert.deepEqual(warnings, []);
});

test('what another program has put into the cache is not fetched again', async () => {
  const { files } = hub.huggingface.repos['mlx-org/Small-4bit'];
  const id = 'mlx-org/Shared-4bit';
  hub.huggingface.repos[id] = { id, commit: 'e'.repeat(40), files };
  const blobs = path.join(cache(), 'models--mlx-org--Shared-4bit/blobs');
  fs.mkdirSync(blobs, { recursive: true });
  for (const { bytes, oid, sha256: digest } of Object.values(files))
    fs.writeFileSync(path.join(blobs, digest ?? oid), bytes);
  const n = hub.storage.server.log.length;
  await ok('pull', id);
  assert.equal(hub.storage.server.log.length, n);
  assert.deepEqual(hub.huggingface.server.log.filter((entry) => entry.path.startsWith(`/${id}/resolve`)), []);
  const { repos } = await scanCacheDir(cache());
  assert.equal(repos.find((repo) => repo.id.name === id).revisions[0].files.length, 3);
});

test('what is no address that we fetch from is refused by its name', async () => {
  const { code, err } = await finish(start('pull', 'ftp://host/x.gguf'));
  assert.equal(code, 5);
  assert.match(err, /url.*ftp/);
});

test('pulled into a folder, by its address, from anywhere: it runs by the same words', async () => {
  const folder = path.join(hearth.models, 'mine');
  await ok('pull', 'other-org/Folder-GGUF', '--to', folder);
  assert.ok(fs.readFileSync(path.join(folder, 'sub/folder-Q4_0.gguf')).equals(small));
  assert.equal(await ok('run', 'other-org/Folder-GGUF', 'hi'), 'small one\n');
  const url = hub.storage.put(plain).replace(/\/objects/, '/objects');
  await ok('pull', url, '--name', 'renamed.gguf');
  assert.equal(await ok('run', url, 'hi'), 'from an address\n');
  const page = `${hub.huggingface.url}/some-org/Tiny-GGUF/resolve/main/tiny-Q8_0.gguf`;
  await ok('pull', page);
  assert.equal(await ok('run', page, 'hi'), 'small one\n');
});

test('again: nothing is fetched', async () => {
  const before_ = hub.storage.server.log.length;
  await ok('pull', 'some-org/Tiny-GGUF:F16');
  assert.equal(hub.storage.server.log.length, before_);
});

test('a model without organisation goes by its one name', async () => {
  await ok('pull', 'gpt2');
  assert.equal(await ok('run', 'gpt2', 'hi'), 'small one\n');
  const { repos, warnings } = await scanCacheDir(cache());
  assert.deepEqual(warnings, []);
  assert.ok(repos.some((repo) => repo.id.name === 'gpt2'));
});

test('of two models of one quantization each goes by its file', async () => {
  assert.match((await finish(start('pull', 'some-org/Pair-GGUF'))).err, /several .*x\/a\.Q8_0, x\/b\.Q8_0/);
  for (const [name, says] of [['x/b.Q8_0', 'small one\n'], ['a.Q8_0', 'from an address\n']]) {
    await ok('pull', `some-org/Pair-GGUF:${name}`);
    assert.equal(await ok('run', `some-org/Pair-GGUF:${name}`, 'hi'), says);
  }
});
