// Both hubs through the real daemon: searching, files, plans, the ways that a
// hub says no, and that a token goes nowhere else.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Hearth, until } from './lib/hearth.mjs';
import { Hub } from './lib/hub.mjs';
import { sha256 } from './lib/storage.mjs';

// A file of n bytes that begins as one of its kind does.
const fronts = { gguf: 'GGUF', safetensors: '\x08\0\0\0\0\0\0\0{}      ', png: '\x89PNG\r\n\x1a\n' };
function bytes(kind, seed, n) {
  const body = (fronts[kind] ?? '') + sha256(seed).repeat(Math.ceil(n / 64));
  return Buffer.from(body.slice(0, n), 'latin1');
}
const TOKEN = 'hf_secretOfTheTestXXXXXXXXXXXXXXXXX';
const OTHER = 'hf_otherSecretOfTheTestYYYYYYYYYYYYY';
const KEY = 'civitaiSecretOfTheTestZZZZZZZZZZZZZ';
const GB = 2 ** 30;

const repos = () => ({
  'some-org/tiny-GGUF': {
    tags: ['gguf', 'text-generation'], downloads: 500, likes: 7, library: 'gguf',
    gguf: { totalFileSize: 2 * GB, architecture: 'llama' },
    files: {
      'README.md': Buffer.from('# tiny\n'),
      'tiny-Q4_K_M.gguf': bytes('gguf', 'q4', 3000),
      'tiny-Q8_0-00001-of-00002.gguf': bytes('gguf', 'q8a', 4000),
      'tiny-Q8_0-00002-of-00002.gguf': bytes('gguf', 'q8b', 1000),
      'mmproj-tiny-F16.gguf': bytes('gguf', 'mmproj', 700),
      'with space/odd+name-IQ2_XS.gguf': bytes('gguf', 'iq2', 500),
      '../up-Q2_K.gguf': bytes('gguf', 'up', 10),
    } },
  'some-org/two': { tags: ['gguf'], downloads: 400, files: {
    'two-Q5_K_M.gguf': bytes('gguf', 'q5', 100), 'two-Q6_K.gguf': bytes('gguf', 'q6', 100) } },
  'mlx-org/Qwen3-8B-4bit': {
    tags: ['mlx', 'safetensors'], downloads: 900, likes: 1, library: 'mlx',
    safetensors: { parameters: { BF16: 1000, U32: 2000 }, total: 3000 },
    files: { 'config.json': Buffer.from('{"model_type":"qwen3_moe","architectures":["Qwen3MoeForCausalLM"],"limits":[0,Infinity]}'),
             'model.safetensors': bytes('safetensors', 'mlx', 2000), 'tokenizer.json': Buffer.from('{}'),
             'demo.mp4': bytes('mp4', 'film', 100) } },
  'meta/gated': { gated: 'manual', downloads: 300, tags: ['gguf'], files: { 'g-Q4_K_M.gguf': bytes('gguf', 'g', 900) } },
  'meta/secret': { isPrivate: true, downloads: 200, tags: ['gguf'], files: { 's-Q4_K_M.gguf': bytes('gguf', 's', 800) } },
  'some-org/old-name': { renamedTo: 'some-org/two' },
  'some-org/pair': { isUnlisted: true, files: {
    'a.Q4_K_M.gguf': bytes('gguf', 'pair a', 100), 'b.Q4_K_M.gguf': bytes('gguf', 'pair b', 200),
    'b.Q8_0.gguf': bytes('gguf', 'pair b8', 300) } },
  'first-days/gpt2': { isUnlisted: true, files: { 'gpt2.Q8_0.gguf': bytes('gguf', 'gpt2', 600) } },
  gpt2: { renamedTo: 'first-days/gpt2' },
});
const tokens = { [TOKEN]: { name: 'tester', sees: ['meta/gated', 'meta/secret'] },
                 [OTHER]: { name: 'other', sees: [] } };
const civitai = () => ({
  keys: { [KEY]: { name: 'painter' } },
  models: [
    { id: 101, name: 'Paper Cut', type: 'LORA', creator: 'scissors', downloads: 30, likes: 4, tags: ['paper'],
      versions: [
        { id: 2002, name: 'v2', baseModel: 'SDXL 1.0', trainedWords: ['papercut'], images: [bytes('png', 'preview', 64)],
          files: [
            { id: 1, name: 'papercut-train.zip', type: 'Training Data', format: 'Other', bytes: bytes('zip', 'zip', 300) },
            { id: 2, name: 'papercut.safetensors', primary: true, bytes: bytes('safetensors', 'lora2', 2500) },
            { id: 3, name: 'papercut.ckpt', format: 'PickleTensor', size: 'pruned', bytes: bytes('ckpt', 'pickle', 600) }] },
        { id: 2001, name: 'v1', files: [
          { id: 4, name: 'papercut-v1.safetensors', primary: true, bytes: bytes('safetensors', 'lora1', 1500) }] }] },
    { id: 102, name: 'Members Only', type: 'Checkpoint', versions: [{ id: 2010, name: 'v1', needsLogin: true,
      files: [{ id: 10, name: 'members.safetensors', primary: true, bytes: bytes('safetensors', 'm', 400) }] }] },
    { id: 103, name: 'Early Bird', type: 'VAE', versions: [{ id: 2020, name: 'v1', isEarlyAccess: true,
      files: [{ id: 20, name: 'early.safetensors', primary: true, bytes: bytes('safetensors', 'e', 400) }] }] },
    { id: 104, name: 'Hostile', type: 'LORA', versions: [
      { id: 2030, name: 'up', files: [{ id: 30, name: '../../up.safetensors', primary: true, bytes: bytes('safetensors', 'h', 40) }] },
      { id: 2031, name: 'away', files: [{ id: 31, name: 'away.safetensors', primary: true, bytes: bytes('safetensors', 'h', 40),
        downloadUrl: 'https://elsewhere.example/api/download/models/2031' }] }] },
    { id: 105, name: 'Archived', type: 'LORA', versions: [{ id: 2040, name: 'v1', isArchived: true,
      files: [{ id: 40, name: 'archived.safetensors', primary: true, bytes: bytes('safetensors', 'a', 40) }] }] },
  ],
});

let hub, hearth;
const daemons = [];
async function start(env = {}, config = '') {
  const daemon = await Hearth.start({ env: { ...hub.env, ...env }, config });
  daemons.push(daemon);
  return daemon;
}

before(async () => {
  hub = await Hub.open({ repos: repos(), tokens, pageSize: 3, civitai: civitai() });
  hearth = await start();
});
after(async () => {
  for (const daemon of daemons) await daemon.stop();
  await hub?.close();
});

async function get(target, status = 200, daemon = hearth) {
  const answer = await daemon.api('GET', target);
  assert.equal(answer.status, status, JSON.stringify(answer));
  return status < 400 ? answer.data : answer.error;
}
async function plan(body, status = 200, daemon = hearth) {
  const answer = await daemon.api('POST', '/api/models/download', { dry_run: true, ...body });
  assert.equal(answer.status, status, JSON.stringify(answer));
  return status < 400 ? answer.data : answer.error;
}
const paths = (row) => row.files.map((file) => file.path);
const search = (query, status, daemon) => get(`/api/models/search?${query}`, status, daemon);
const ids = (found) => found.models.map((model) => model.model_id);
const list = (id, status, daemon) => get(`/api/hub/models/${id}`, status, daemon);

async function pull(body, daemon = hearth) {
  const answer = await daemon.api('POST', '/api/models/download', body);
  assert.ok(answer.status === 201, JSON.stringify(answer));
  return until(`${JSON.stringify(body)} to end`, async () => {
    const task = (await daemon.api('GET', `/api/models/download/${answer.data.task_id}`)).data;
    return ['completed', 'failed', 'cancelled'].includes(task.status) ? task : null;
  });
}

test('Hugging Face: searching, by every filter, page after page', async () => {
  const all = await search('');
  assert.deepEqual(ids(all), ['mlx-org/Qwen3-8B-4bit', 'some-org/tiny-GGUF', 'some-org/two', 'meta/gated']);
  const row = all.models[1];
  assert.deepEqual(
    [row.source, row.author, row.name, row.downloads, row.likes, row.gated, row.library, row.size_bytes,
     row.is_downloaded, row.last_modified],
    ['huggingface', 'some-org', 'tiny-GGUF', 500, 7, false, 'gguf', 2 * GB, false, '2026-01-02T03:04:05.000Z']);
  assert.equal(all.models[0].size_bytes, 1000 * 2 + 2000 * 4);
  assert.equal(all.next_cursor, null);
  assert.deepEqual(ids(await search('q=TINY%20gguf')), ['some-org/tiny-GGUF']);
  assert.deepEqual(ids(await search('author=some-org')), ['some-org/tiny-GGUF', 'some-org/two']);
  assert.deepEqual(ids(await search('library=mlx')), ['mlx-org/Qwen3-8B-4bit']);
  assert.deepEqual(ids(await search('gated=1')), ['meta/gated']);
  assert.deepEqual(ids(await search('gated=0&library=gguf')), ['some-org/tiny-GGUF', 'some-org/two']);
  assert.ok(!ids(await search('max_size_gb=1')).includes('some-org/tiny-GGUF'));
  assert.ok(ids(await search(`max_size_bytes=${2 * GB}`)).includes('some-org/tiny-GGUF'));
  assert.equal(ids(await search('sort=likes'))[0], 'some-org/tiny-GGUF');
  assert.equal((await search('sort=size', 422)).details[0].field, 'sort');
  const first = await search('limit=3');
  assert.equal(first.models.length, 3);
  const second = await search(`limit=3&cursor=${encodeURIComponent(first.next_cursor)}`);
  assert.deepEqual(ids(second), ['meta/gated']);
  assert.equal(second.next_cursor, null);
});

test('a failed search is an error with a reason', async () => {
  hub.huggingface.limit(1, { 'Retry-After': '7' });
  const late = await search('q=x', 429);
  assert.match(late.message, /7 s/);
  hub.huggingface.limit(1, { RateLimit: '"api";r=0;t=55' });
  assert.match((await search('q=x', 429)).message, /55 s/);
  const gone = await start({ HEARTH_HUGGINGFACE_ENDPOINT: 'http://127.0.0.1:1',
                             HEARTH_DOWNLOADS_ALLOW_HTTP: '127.0.0.1:1' });
  const answer = await gone.api('GET', '/api/models/search?q=x');
  assert.ok(answer.status >= 500, JSON.stringify(answer));
  assert.match(answer.error.message, /127\.0\.0\.1/);
});

test('the files of a repository, page after page, in groups', async () => {
  const found = await list('some-org/tiny-GGUF');
  const { repos: { 'some-org/tiny-GGUF': repo } } = hub.huggingface;
  assert.equal(found.revision, repo.commit);
  assert.equal(found.gated, false);
  assert.deepEqual(found.variants.map((row) => [row.name, row.size_bytes, paths(row).length]).sort(),
                   [['IQ2_XS', 500, 1], ['Q4_K_M', 3000, 1], ['Q8_0', 5000, 2]]);
  assert.deepEqual(paths({ files: found.projectors }), ['mmproj-tiny-F16.gguf']);
  const file = found.files.find((row) => row.path === 'tiny-Q4_K_M.gguf');
  assert.deepEqual([file.size, file.sha256], [3000, sha256(bytes('gguf', 'q4', 3000))]);
  assert.equal(found.files.find((row) => row.path === 'README.md').sha256, null);
  assert.ok(!paths(found).some((name) => name.includes('..')), 'a path that leads out');
  assert.equal((await list('meta/gated')).gated, true);
});

test('what is wanted of a repository', async () => {
  const usual = await plan({ model_id: 'some-org/tiny-GGUF' });
  assert.deepEqual(paths(usual).sort(), ['mmproj-tiny-F16.gguf', 'tiny-Q4_K_M.gguf']);
  assert.equal(usual.variant, 'Q4_K_M');
  assert.equal(usual.ref, 'main');
  assert.equal(usual.revision, hub.huggingface.repos['some-org/tiny-GGUF'].commit);
  assert.equal(usual.total_bytes, 3700);
  const q8 = await plan({ model_id: 'some-org/tiny-GGUF', variant: 'q8_0' });
  assert.deepEqual(paths(q8).filter((name) => !name.includes('mmproj')),
                   ['tiny-Q8_0-00001-of-00002.gguf', 'tiny-Q8_0-00002-of-00002.gguf']);
  const several = await plan({ model_id: 'some-org/two' }, 422);
  assert.match(several.message + JSON.stringify(several.details), /Q5_K_M, Q6_K/);
  assert.match(JSON.stringify(await plan({ model_id: 'some-org/two', variant: 'Q3_K' }, 422)), /Q5_K_M, Q6_K/);
  assert.deepEqual(paths(await plan({ model_id: 'some-org/two', files: ['two-Q6_K.gguf'] })), ['two-Q6_K.gguf']);
  await plan({ model_id: 'some-org/two', files: ['none.gguf'] }, 404);
  const mlx = await plan({ model_id: 'mlx-org/Qwen3-8B-4bit' });
  assert.deepEqual(paths(mlx).sort(), ['config.json', 'model.safetensors', 'tokenizer.json']);
  // A repository under its former name.
  assert.deepEqual(paths(await plan({ model_id: 'some-org/old-name', variant: 'Q6_K' })), ['two-Q6_K.gguf']);
});

test('several models of one quantization are told apart', async () => {
  const { variants } = await list('some-org/pair');
  assert.deepEqual(variants.map((row) => [row.name, row.size_bytes]),
                   [['a.Q4_K_M', 100], ['b.Q4_K_M', 200], ['Q8_0', 300]]);
  for (const body of [{}, { variant: 'Q4_K_M' }]) {
    const error = await plan({ model_id: 'some-org/pair', ...body }, 422);
    assert.equal(error.details[0].field, 'variant');
    assert.match(error.details[0].message, /several models of variant Q4_K_M.*`files`\): a\.Q4_K_M, b\.Q4_K_M$/);
  }
  for (const body of [{ variant: 'b.Q4_K_M' }, { variant: 'b.q4_k_m.gguf' }, { files: ['b.Q4_K_M.gguf'] }])
    assert.deepEqual(paths(await plan({ model_id: 'some-org/pair', ...body })), ['b.Q4_K_M.gguf']);
  assert.deepEqual(paths(await plan({ model_id: 'some-org/pair', variant: 'Q8_0' })), ['b.Q8_0.gguf']);
});

test('a model without organisation', async () => {
  const rows = [{ model_id: 'gpt2' }, { url: 'https://huggingface.co/gpt2' },
                { url: `${hub.huggingface.url}/gpt2/blob/main/gpt2.Q8_0.gguf` }];
  for (const body of rows) {
    const row = await plan(body);
    assert.deepEqual([row.source, row.model_id, paths(row)], ['huggingface', 'gpt2', ['gpt2.Q8_0.gguf']]);
    assert.match(row.target, /models--gpt2$/);
  }
  assert.equal((await list('gpt2')).variants[0].name, 'Q8_0');
  assert.equal((await pull({ model_id: 'gpt2' })).status, 'completed');
  await plan({ model_id: 'no-such-model' }, 401);
});

test("a hub's file under a name of one's own has the hub's token", async () => {
  const own = await start({ HF_TOKEN: TOKEN, CIVITAI_API_KEY: KEY });
  const url = `${hub.huggingface.url}/meta/secret/resolve/main/s-Q4_K_M.gguf`;
  const row = await plan({ url, filename: 'mine.gguf' }, 200, own);
  assert.deepEqual([row.source, row.model_id, paths(row)], ['huggingface', 'meta/secret', ['mine.gguf']]);
  const task = await pull({ url, filename: 'mine.gguf' }, own);
  assert.equal(task.status, 'completed', JSON.stringify(task.error));
  assert.equal(task.files[0].place, path.join(own.models, 'mine.gguf'));
  assert.deepEqual(fs.readFileSync(task.files[0].place), bytes('gguf', 's', 800));
  const lora = await pull({ url: `${hub.civitai.url}/api/download/models/2010`, filename: 'other.safetensors' }, own);
  assert.equal(lora.status, 'completed', JSON.stringify(lora.error));
  assert.equal(path.basename(lora.files[0].place), 'other.safetensors');
  await plan({ url: `${hub.huggingface.url}/some-org/tiny-GGUF/resolve/main/none.gguf`, filename: 'x.gguf' }, 404);
});

test('a page or a file of a hub, pasted', async () => {
  const at = hub.huggingface.url;
  const row = await plan({ url: `${at}/some-org/tiny-GGUF/blob/main/with%20space/odd+name-IQ2_XS.gguf` });
  assert.equal(row.source, 'huggingface');
  assert.deepEqual(paths(row), ['with space/odd+name-IQ2_XS.gguf']);
  for (const url of [`${at}/some-org/tiny-GGUF`, `${at}/some-org/tiny-GGUF/tree/main?x=1#top`,
                     'https://huggingface.co/some-org/tiny-GGUF'])
    assert.equal((await plan({ url })).model_id, 'some-org/tiny-GGUF', url);
  const file = await plan({ url: `${at}/some-org/two/resolve/main/two-Q6_K.gguf?download=true` });
  assert.deepEqual([file.source, file.model_id, paths(file)[0]], ['huggingface', 'some-org/two', 'two-Q6_K.gguf']);
  const plain = await plan({ url: `http://${hub.storage.server.place}/some/file%20a.bin?x=1` });
  assert.deepEqual([plain.source, paths(plain)[0]], ['url', 'file a.bin']);
  for (const url of ['https://example.org/', 'https://example.org/..%2fup.gguf', 'https://example.org/a%00b'])
    await plan({ url }, 422);
  await plan({ url: 'https://example.org/a.gguf', filename: '../a.gguf' }, 422);
  await plan({ url: 'file:///etc/passwd' }, 403);
});

test('an id that is none is refused before anything is asked', async () => {
  const n = hub.huggingface.server.log.length;
  for (const model_id of ['o--ne', '../x', 'a/../b', 'a/b/c', 'a/b--c', 'a/.b', 'a/b?x=1', 'a b/c', `a/${'x'.repeat(97)}`,
                          'a/b%2f..', '-a/b']) {
    const error = await plan({ model_id }, 422);
    assert.match(JSON.stringify(error), /model_id/, model_id);
  }
  await plan({ model_id: 'some-org/two', revision: '../../main' }, 422);
  assert.equal(hub.huggingface.server.log.length, n);
});

test('the ways to say no are told apart', async () => {
  const gated = await plan({ model_id: 'meta/gated' }, 401);
  assert.match(gated.message, /meta\/gated is gated: accept its terms at .*\/meta\/gated.*token/);
  assert.match((await plan({ model_id: 'meta/secret' }, 401)).message, /does not exist .* or is private/);
  assert.match((await plan({ model_id: 'some-org/nothing' }, 401)).message, /does not exist .* or is private/);
  assert.match((await plan({ model_id: 'some-org/two', revision: 'v9' }, 404)).message, /no revision v9/);
  assert.match((await plan({ model_id: 'some-org/two', token: 'hf_bad' }, 401)).message, /refuses the token/);
  assert.match((await plan({ model_id: 'some-org/nothing', token: OTHER }, 404)).message, /does not see it/);
  assert.match((await plan({ model_id: 'meta/gated', token: OTHER }, 403)).message, /this token has no access/);
  assert.equal(paths(await plan({ model_id: 'meta/gated', token: TOKEN }))[0], 'g-Q4_K_M.gguf');
  assert.equal(paths(await plan({ model_id: 'meta/secret', token: TOKEN }))[0], 's-Q4_K_M.gguf');
});

test('a hub that answers something else', async () => {
  const { server } = hub.storage; // answers XML
  const odd = await start({ HEARTH_HUGGINGFACE_ENDPOINT: server.url });
  const refused = await odd.api('GET', '/api/models/search?q=x');
  assert.ok(refused.status >= 400 && refused.error.message.length > 0, JSON.stringify(refused));
  const swapped = await start({ HEARTH_HUGGINGFACE_ENDPOINT: hub.civitai.url });
  await search('q=x', 404, swapped);
});

test('offline, and only some organisations', async () => {
  const offline = await start({ HF_HUB_OFFLINE: '1' });
  const n = hub.huggingface.server.log.length;
  assert.match((await search('q=x', 503, offline)).message, /offline/);
  assert.match((await plan({ model_id: 'some-org/two' }, 503, offline)).message, /offline/);
  assert.match((await search('q=x&source=civitai', 503, offline)).message, /offline/);
  assert.equal(hub.huggingface.server.log.length, n);
  const some = await start({}, 'huggingface: {organizations: [some-org]}\n');
  assert.deepEqual(ids(await search('', 200, some)), ['some-org/tiny-GGUF', 'some-org/two']);
  assert.match(JSON.stringify(await plan({ model_id: 'mlx-org/Qwen3-8B-4bit' }, 422, some)), /organizations/);
});

test('Civitai: searching, a version, by digest', async () => {
  const found = await search('source=civitai&q=paper');
  assert.deepEqual(ids(found), ['101']);
  const [row] = found.models;
  assert.deepEqual([row.name, row.author, row.kind, row.library, row.downloads, row.size_bytes],
                   ['Paper Cut', 'scissors', 'lora', 'SDXL 1.0', 30, 2500]);
  const page = await search('source=civitai&limit=2');
  assert.deepEqual(ids(await search(`source=civitai&limit=2&cursor=${page.next_cursor}`)), ['103', '104']);
  const model = await get('/api/hub/models/101?source=civitai');
  assert.deepEqual([model.model_id, model.revision, model.version, model.kind, model.trigger_words],
                   ['101', '2002', 'v2', 'lora', ['papercut']]);
  assert.deepEqual(paths(model), ['papercut-train.zip', 'papercut.safetensors', 'papercut.ckpt']);
  const digest = sha256(bytes('safetensors', 'lora1', 1500));
  for (const hash of [digest, digest.toUpperCase(), digest.slice(0, 10)])
    assert.equal((await get(`/api/hub/civitai/versions/by-hash/${hash}`)).revision, '2001');
  await get(`/api/hub/civitai/versions/by-hash/${'0'.repeat(64)}`, 404);
  await get('/api/hub/civitai/versions/by-hash/xyz', 422);
});

test('Civitai: a model in every shape that names one', async () => {
  const at = hub.civitai.url;
  const shapes = [
    [{ model_id: '101' }, '2002', 'papercut.safetensors'],
    [{ model_id: 101 }, '2002', 'papercut.safetensors'],
    [{ version_id: 2001 }, '2001', 'papercut-v1.safetensors'],
    [{ model_id: '101', version_id: '2001' }, '2001', 'papercut-v1.safetensors'],
    [{ model_id: `${at}/models/101` }, '2002', 'papercut.safetensors'],
    [{ model_id: `${at}/models/101/paper-cut?modelVersionId=2001` }, '2001', 'papercut-v1.safetensors'],
    [{ model_id: 'https://civitai.com/models/101?modelVersionId=2001#x' }, '2001', 'papercut-v1.safetensors'],
    [{ url: `${at}/models/101/paper-cut` }, '2002', 'papercut.safetensors'],
    [{ url: `${at}/api/download/models/2002` }, '2002', 'papercut.safetensors'],
    [{ url: `${at}/api/download/models/2002?fileId=3` }, '2002', 'papercut.ckpt'],
    [{ url: `${at}/api/download/models/2002?type=Model&format=PickleTensor&size=pruned&fp=fp16` }, '2002', 'papercut.ckpt'],
    [{ model_id: '101', type: 'Training Data' }, '2002', 'papercut-train.zip'],
    [{ model_id: '101', file_id: 3 }, '2002', 'papercut.ckpt'],
  ];
  for (const [body, version, file] of shapes) {
    const row = await plan(body.url ? body : { source: 'civitai', ...body });
    const what = JSON.stringify(body);
    assert.deepEqual([row.source, row.model_id, row.revision, paths(row), row.kind],
                     ['civitai', '101', version, [file], 'lora'], what);
    assert.match(row.files[0].sha256, /^[0-9a-f]{64}$/, what);
  }
  for (const model_id of ['101x', `${at}/user/101`, 'https://civitai.example/models/101'])
    await plan({ source: 'civitai', model_id }, 422);
  await plan({ source: 'civitai', model_id: '101', file_id: 99 }, 404);
  await plan({ source: 'civitai', model_id: '999' }, 404);
  assert.match((await plan({ source: 'civitai', version_id: 2031 }, 502)).message, /address elsewhere/);
  await plan({ source: 'civitai', version_id: 2030 }, 422);
});

test('files come from both hubs, and no token reaches the storage', async () => {
  const own = await start({ HF_TOKEN: TOKEN, CIVITAI_API_KEY: KEY });
  const gated = await pull({ model_id: 'meta/gated' }, own);
  assert.equal(gated.status, 'completed', JSON.stringify(gated));
  const lora = await pull({ url: `${hub.civitai.url}/models/101` }, own);
  assert.equal(lora.status, 'completed', JSON.stringify(lora));
  const members = await pull({ source: 'civitai', model_id: '102' }, own);
  assert.equal(members.status, 'completed', JSON.stringify(members));
  const place = path.join(lora.target, 'papercut.safetensors');
  assert.deepEqual(fs.readFileSync(place), bytes('safetensors', 'lora2', 2500));
  const sidecar = JSON.parse(fs.readFileSync(path.join(lora.target, 'papercut.civitai.info')));
  assert.deepEqual([sidecar.modelId, sidecar.model.name, sidecar.model.type], [101, 'Paper Cut', 'LORA']);
  assert.equal((await own.api('POST', '/api/models/scan')).status, 200);
  const here = async (query, id) =>
    (await search(query, 200, own)).models.find((row) => row.model_id === id).is_downloaded;
  assert.equal(await here('source=civitai', '101'), true);
  assert.equal(await here('source=civitai', '103'), false);
  assert.equal(await here('', 'meta/gated'), true);
  assert.equal(await here('', 'some-org/two'), false);
  for (const entry of hub.storage.server.log)
    assert.equal(entry.headers.authorization, undefined, entry.path);
  assert.ok(hub.huggingface.server.log.some((entry) => entry.headers.authorization === `Bearer ${TOKEN}`));
  assert.ok(!hub.civitai.server.log.some((entry) => entry.headers.authorization === `Bearer ${TOKEN}`));
});

test("Civitai's refusals reach the user in plain words", async () => {
  const login = await pull({ source: 'civitai', model_id: '102' });
  assert.equal(login.status, 'failed');
  assert.match(login.error.message, /requires you to be logged in/);
  const early = await pull({ source: 'civitai', model_id: '103' });
  assert.match(early.error.message, /Early Access until 2027-01-01/);
  const archived = await pull({ source: 'civitai', model_id: '105' });
  assert.match(archived.error.message, /archived/);
  for (const task of [login, early, archived])
    assert.ok(!fs.existsSync(task.files[0].place), task.files[0].place);
});

test('whose token it is, and no token is ever shown', async () => {
  const own = await start({ HF_TOKEN: TOKEN });
  const check = async (body) => {
    const answer = await own.api('POST', '/api/hub/check-token', body);
    return { ...answer.data, status: answer.status, text: JSON.stringify(answer) };
  };
  const seen = [];
  const stored = await check({});
  assert.deepEqual([stored.is_valid, stored.name], [true, 'tester']);
  const given = await check({ token: OTHER });
  assert.deepEqual([given.is_valid, given.name], [true, 'other']);
  const bad = await check({ token: 'hf_badBadBadBadBad' });
  assert.deepEqual([bad.status, bad.is_valid], [200, false]);
  assert.match(bad.message, /refuses the token/);
  assert.equal((await check({ source: 'civitai' })).status, 422);
  assert.deepEqual((await check({ source: 'civitai', token: KEY })).name, 'painter');
  await pull({ model_id: 'meta/gated' }, own);
  await pull({ model_id: 'some-org/two', variant: 'Q6_K', token: OTHER }, own);
  for (const target of ['/api/settings', '/api/models/downloads', '/api/logs', '/api/activity'])
    seen.push(JSON.stringify(await own.api('GET', target)));
  for (const row of [stored, given, bad]) seen.push(row.text);
  const store = fs.readdirSync(own.data).filter((name) => /\.(db|sqlite)/.test(name));
  assert.ok(store.length > 0, fs.readdirSync(own.data).join(' '));
  for (const name of store) seen.push(fs.readFileSync(path.join(own.data, name), 'latin1'));
  seen.push(own.output());
  for (const secret of [TOKEN, OTHER, KEY, 'hf_badBadBadBadBad'])
    for (const text of seen)
      assert.ok(!text.includes(secret), `${secret} is in ${text.slice(0, 200)}`);
});

test('options for an MLX model: its configuration says its family', async () => {
  const found = await get('/api/models/detect-options/mlx-org/Qwen3-8B-4bit');
  assert.equal(found.model_family, 'qwen3_moe');
  assert.deepEqual(found.recommended_options,
                   { tool_call_parser: 'qwen3', reasoning_parser: 'qwen3', message_converter: null });
  assert.equal(found.is_downloaded, false);
  assert.equal(typeof found.version_support.supported, 'boolean');
  assert.equal(found.version_support.required_version, null);
  const minimax = await get('/api/models/detect-options/some-org/MiniMax-M2.1-3bit');
  assert.equal(minimax.version_support.required_version, '0.28.4');
  // No such repository: the name is all there is.
  const named = await get('/api/models/detect-options/some-org/Qwen3-Coder-32B');
  assert.equal(named.model_family, 'qwen3_coder');
  assert.equal(named.recommended_options.message_converter, 'qwen3_coder');
  const unknown = await get('/api/models/detect-options/Mistral-7B');
  assert.equal(unknown.model_family, null);
});

// An mlx-openai-server of its own version, and the Python that runs it.
function fakeServer(dir, mlxVersion) {
  const python = path.join(dir, 'python3'), server = path.join(dir, 'mlx-openai-server');
  fs.mkdirSync(dir);
  fs.writeFileSync(python, `#!/bin/sh
if [ "$1" = -c ]; then [ "$3" = mlx-lm ] && [ -n "${mlxVersion}" ] && echo "${mlxVersion}"; exit; fi
echo "mlx-openai-server, version 1.5.0"
`, { mode: 0o755 });
  fs.writeFileSync(server, `#!${python}\n`, { mode: 0o755 });
  return server;
}

test("what is installed and what is required are versions of the same package", async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-mlx-'));
  const rows = [
    ['0.28.1', { supported: false, installed_version: '0.28.1', error: /mlx-lm 0\.28\.4 or later; installed: 0\.28\.1/,
                 upgrade_command: 'pip install -U mlx-lm' }],
    ['0.29.0', { supported: true, installed_version: '0.29.0', error: null, upgrade_command: null }],
    ['', { supported: false, installed_version: null, error: /installed: none/, upgrade_command: 'pip install -U mlx-lm' }],
  ];
  for (const [version, expected] of rows) {
    const server = fakeServer(path.join(dir, `v${version}`), version);
    const own = await start({}, `engines: {mlx-openai-server: {path: ${JSON.stringify(server)}}}\n`);
    const ask = async (id) => (await own.api('GET', `/api/models/detect-options/${id}`)).data.version_support;
    const { error, ...found } = await ask('some-org/MiniMax-M2.1-3bit');
    const { error: reason, ...rest } = expected;
    assert.deepEqual(found, { ...rest, required_version: '0.28.4' });
    if (reason) assert.match(error, reason); else assert.equal(error, null);
    const other = await ask('mlx-org/Qwen3-8B-4bit'); // any version will do
    assert.deepEqual([other.supported, other.required_version, other.error], [true, null, null]);
    await own.stop();
  }
  fs.rmSync(dir, { recursive: true });
});
