// The library: what other programs have on the machine is known and served
// in place; files are moved, deleted and known again. With a real
// llama-server.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { WebSocket } from 'ws';
import { HEARTH, Hearth, until, writeModel } from './lib/hearth.mjs';

const started = [];
after(async () => { for (const hearth of started) await hearth.stop(); });
async function start(options) {
  const hearth = await Hearth.start(options);
  started.push(hearth);
  return hearth;
}

// A folder that becomes the daemon's own, with a home that can be filled.
function prepare() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-test-'));
  const home = path.join(dir, 'home');
  fs.mkdirSync(home);
  return { dir, home };
}

function sha256(file) {
  return crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}

// As huggingface_hub lays a file out: a blob, and a link of its revision.
function putHub(home, repo, name, model) {
  const folder = path.join(home, '.cache/huggingface/hub', `models--${repo.replace('/', '--')}`);
  const revision = 'a'.repeat(40);
  for (const part of ['blobs', 'refs', `snapshots/${revision}`])
    fs.mkdirSync(path.join(folder, part), { recursive: true });
  const made = path.join(folder, 'made.gguf');
  writeModel(made, model);
  const blob = path.join(folder, 'blobs', sha256(made));
  fs.renameSync(made, blob);
  fs.writeFileSync(path.join(folder, 'refs/main'), revision);
  const link = path.join(folder, 'snapshots', revision, name);
  fs.symlinkSync(path.relative(path.dirname(link), blob), link);
  fs.writeFileSync(`${blob}.incomplete`, 'half');
  return { folder, blob, link };
}

// As Ollama does: manifests name blobs by digest.
function putOllama(home, names, model) {
  const root = path.join(home, '.ollama/models');
  fs.mkdirSync(path.join(root, 'blobs'), { recursive: true });
  const made = path.join(root, 'made.gguf');
  writeModel(made, model);
  const digest = sha256(made);
  const blob = path.join(root, 'blobs', `sha256-${digest}`);
  fs.renameSync(made, blob);
  for (const [name, tag] of names) {
    const folder = path.join(root, 'manifests/registry.ollama.ai/library', name);
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, tag), JSON.stringify({
      schemaVersion: 2,
      layers: [{ mediaType: 'application/vnd.ollama.image.model', digest: `sha256:${digest}`,
                 size: fs.statSync(blob).size }] }));
  }
  return { root, blob, digest };
}

async function list(hearth, query = '') {
  const answer = await hearth.api('GET', `/api/models${query}`);
  assert.equal(answer.status, 200, JSON.stringify(answer));
  return answer.data;
}

const scan = async (hearth) =>
  assert.equal((await hearth.api('POST', '/api/models/scan')).status, 200);

test("other programs' models are served where they are", async () => {
  const { dir, home } = prepare();
  putHub(home, 'some-org/tiny-GGUF', 'hub-model.gguf', { say: 'hub heron hazel' });
  const ollama = putOllama(home, [['whale', 'latest']], { say: 'whale willow wren' });
  const studio = path.join(home, '.lmstudio/models/someone/some-repo');
  fs.mkdirSync(studio, { recursive: true });
  writeModel(path.join(studio, 'studio.gguf'), { say: 'stone stork' });
  const cache = path.join(home, '.cache/llama.cpp');
  fs.mkdirSync(cache, { recursive: true });
  writeModel(path.join(cache, 'org_repo_cached.gguf'), { say: 'cedar crane' });
  fs.writeFileSync(path.join(cache, 'coming.gguf.downloadInProgress'), 'half');
  const hearth = await start({ dir, models: { own: { say: 'oak otter' } } });

  const models = await list(hearth);
  assert.deepEqual(models.map((model) => [model.name, model.source]), [
    ['hub-model', 'huggingface'], ['org_repo_cached', 'llama.cpp'], ['own', 'folder'],
    ['studio', 'lmstudio'], ['whale:latest', 'ollama']]);
  assert.equal(models[4].sha256, ollama.digest);
  for (const [name, word] of [['hub-model', 'heron'], ['whale:latest', 'willow']]) {
    const answer = await hearth.chat(name);
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.text, new RegExp(word));
  }
  assert.deepEqual((await list(hearth, '?source=ollama')).map((model) => model.name),
                   ['whale:latest']);

  // In use: no file of it goes.
  const whale = models[4];
  assert.equal((await hearth.api('DELETE', `/api/models/${whale.id}`)).status, 409);
  assert.equal((await hearth.chat('own')).status, 200);
  const stay = await hearth.api('POST', `/api/models/${models[2].id}/move`, { category: 'archive' });
  assert.equal(stay.status, 409);
  assert.match(stay.error.message, /is being served/);
  assert.ok(fs.existsSync(models[2].path));
  assert.ok(fs.existsSync(ollama.blob));
});

test('what a head says is known, and why it says nothing', async () => {
  const hearth = await start({ models: {
    own: { say: 'oak otter', name: 'Own Name', arch: 'qwen2', type: 'Q8_0', ctx: 512, layers: 3 } } });
  fs.writeFileSync(path.join(hearth.models, 'bad.gguf'), 'GGUF\x03\0\0\0\xff\xff');
  await scan(hearth);
  const [bad, own] = await list(hearth);
  assert.notEqual(bad.error, '');
  assert.equal(own.error, '');
  assert.equal(own.kind, 'llm');
  assert.equal(own.format, 'gguf');
  assert.equal(own.architecture, 'qwen2');
  assert.equal(own.title, 'Own Name');
  assert.equal(own.quantization, 'Q8_0');
  assert.deepEqual([own.context_length, own.n_layers, own.n_heads, own.n_kv_heads,
                    own.embedding_length, own.has_template], [512, 3, 4, 2, 64, true]);
  assert.ok(own.n_parameters > 10000 && own.vocabulary > 4);
  assert.deepEqual((await list(hearth, '?arch=qwen2&quant=q8_0&kind=llm')).map((model) => model.name),
                   ['own']);
  const progress = await hearth.api('GET', '/api/models/scan');
  assert.equal(progress.data.n_errors, 1);
});

test('the environment says where other programs keep theirs', async () => {
  for (const which of ['HF_HOME', 'HF_HUB_CACHE']) {
    const { dir } = prepare();
    const at = (name) => path.join(dir, 'elsewhere', name);
    putHub(at('x'), 'some-org/tiny-GGUF', 'hub-model.gguf', { say: 'hub heron' });
    fs.renameSync(at('x/.cache/huggingface'), at('hf'));
    fs.renameSync(putOllama(at('y'), [['whale', 'latest']], { say: 'whale wren' }).root, at('ollama'));
    fs.mkdirSync(at('llama'));
    writeModel(at('llama/cached.gguf'), { say: 'cedar crane' });
    const hearth = await start({ dir, env: {
      [which]: which === 'HF_HOME' ? at('hf') : at('hf/hub'), OLLAMA_MODELS: at('ollama'), LLAMA_CACHE: at('llama') } });
    assert.deepEqual((await list(hearth)).map((model) => [model.name, model.source]), [
      ['cached', 'llama.cpp'], ['hub-model', 'huggingface'], ['whale:latest', 'ollama']]);
    await hearth.stop();
  }
});

test('all of a sidecar is shown with its model', async () => {
  const hearth = await start();
  const loras = path.join(hearth.models, 'loras');
  fs.mkdirSync(loras);
  fs.writeFileSync(path.join(loras, 'style.safetensors'), 'x');
  fs.writeFileSync(path.join(loras, 'style.civitai.info'), JSON.stringify({
    id: 12, modelId: 7, name: 'v2', baseModel: 'Pony', trainedWords: ['shiny'],
    description: '<p>Second \u001b[2J try</p>', creator: { username: 'someone' },
    images: [{ url: 'https://images.test/1.png' }], model: { name: 'Some style', tags: ['style'] } }));
  fs.writeFileSync(path.join(loras, 'style.preview.png'), 'png');
  await scan(hearth);
  const [listed] = await list(hearth);
  assert.ok(!('description' in listed) && !('image_urls' in listed)); // long
  assert.deepEqual([listed.creator, listed.version_name, listed.title], ['someone', 'v2', 'Some style']);
  const { data } = await hearth.api('GET', `/api/models/${listed.id}`);
  assert.equal(data.description, '<p>Second \u001b[2J try</p>');
  assert.deepEqual(data.image_urls, ['https://images.test/1.png']);
  assert.equal(data.preview_path, fs.realpathSync(path.join(loras, 'style.preview.png')));
  const shown = execFileSync(HEARTH, ['models', 'show', 'style', '--data-dir', hearth.data], { encoding: 'utf8' });
  assert.match(shown, /^creator +someone$/m);
  assert.match(shown, /^description +<p>Second  \[2J try<\/p>$/m);
  assert.match(shown, /^trigger_words +shiny$/m);
});

test('sources can be turned off', async () => {
  const { dir, home } = prepare();
  putHub(home, 'some-org/tiny-GGUF', 'hub-model.gguf', { say: 'hub heron' });
  const hearth = await start({ dir, config: 'library:\n  sources: [ollama]\n' });
  assert.deepEqual(await list(hearth), []);
});

test("ComfyUI's folders and its extra paths", async () => {
  const { dir } = prepare();
  const comfy = path.join(dir, 'comfy'), extra = path.join(dir, 'extra');
  for (const [folder, name] of [[path.join(comfy, 'models/loras'), 'inside'],
                                [path.join(extra, 'ckpt/checkpoints'), 'outside'],
                                [path.join(extra, 'more/vae'), 'second'],
                                [path.join(extra, 'own'), 'third'],
                                [path.join(extra, 'own/vae'), 'within']]) {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, `${name}.ckpt`), name);
  }
  fs.writeFileSync(path.join(comfy, 'extra_model_paths.yaml'), `
a1111:
  base_path: ${extra}
  checkpoints: ckpt/checkpoints
  vae: |
    none
    more/vae
  loras: [not, a, path]
  upscale_models: ./more/../own
`);
  const hearth = await start({ dir, config: `library:\n  comfyui_dirs: [${comfy}]\n` });
  assert.deepEqual((await list(hearth)).map((model) => [model.name, model.kind, model.source]), [
    ['inside', 'lora', 'comfyui'], ['outside', 'checkpoint', 'comfyui'],
    ['second', 'vae', 'comfyui'], ['third', 'upscaler', 'comfyui'],
    ['within', 'vae', 'comfyui']]);
});

test('ids follow files, also over a restart', async () => {
  const hearth = await start({ models: { a: { say: 'ash adder' }, b: { say: 'birch bear', seed: 2 } } });
  const before = Object.fromEntries((await list(hearth)).map((model) => [model.name, model.id]));
  const at = (name) => path.join(hearth.models, `${name}.gguf`);
  fs.renameSync(at('a'), at('x'));
  fs.renameSync(at('b'), at('a'));
  fs.renameSync(at('x'), at('b'));
  await scan(hearth);
  let now = Object.fromEntries((await list(hearth)).map((model) => [model.name, model.id]));
  assert.deepEqual(now, { a: before.b, b: before.a });
  await hearth.stop({ keep: true });
  fs.mkdirSync(path.join(hearth.models, 'deep'));
  fs.renameSync(at('a'), path.join(hearth.models, 'deep/moved.gguf'));
  await hearth.spawn();
  now = Object.fromEntries((await list(hearth)).map((model) => [model.name, model.id]));
  assert.deepEqual(now, { b: before.a, moved: before.b });
});

test('what the user says of a model is kept', async () => {
  const hearth = await start({ models: { a: { say: 'ash adder' }, b: { say: 'birch bear' } } });
  const [a] = await list(hearth);
  const changed = await hearth.api('PUT', `/api/models/${a.id}`, {
    is_favourite: true, tags: ['small', 'tree'], civitai_url: 'https://civitai.com/models/1' });
  assert.equal(changed.status, 200, JSON.stringify(changed));
  assert.deepEqual(changed.data.tags, ['small', 'tree']);
  const page = await hearth.api('PUT', `/api/models/${a.id}`, {
    civitai_url: 'https://civitai.com/models/7/name?modelVersionId=8' });
  assert.deepEqual([page.data.civitai_model_id, page.data.civitai_version_id], [7, 8]);
  assert.equal((await hearth.api('PUT', `/api/models/${a.id}`,
                                 { civitai_url: 'javascript:x' })).status, 422);
  assert.equal((await hearth.api('PUT', `/api/models/${a.id}`,
                                 { civitai_url: 'https://civitai.com/images/1' })).status, 422);
  await scan(hearth);
  await hearth.stop({ keep: true });
  await hearth.spawn();
  assert.deepEqual((await list(hearth, '?favourite=1')).map((model) => model.name), ['a']);
  assert.deepEqual((await list(hearth, '?tag=tree')).map((model) => model.name), ['a']);
  assert.equal((await hearth.api('GET', `/api/models/${a.id}`)).data.civitai_version_id, 8);
  const last = await hearth.api('GET', '/api/models?sort=name&order=desc&limit=1');
  assert.deepEqual(last.data.map((model) => model.name), ['b']);
  assert.equal(last.headers['x-total-count'], '2');
  assert.equal((await hearth.api('GET', '/api/models?sort=inode')).status, 422);
});

test('models move to the archive and back with what belongs to them', async () => {
  const hearth = await start({ models: { a: { say: 'ash adder' }, b: { say: 'birch bear' } } });
  const loras = path.join(hearth.models, 'loras');
  fs.mkdirSync(loras);
  fs.renameSync(path.join(hearth.models, 'a.gguf'), path.join(loras, 'a.gguf'));
  fs.writeFileSync(path.join(loras, 'a.civitai.info'), '{}');
  fs.writeFileSync(path.join(loras, 'a.preview.png'), 'png');
  await scan(hearth);
  const [a, b] = await list(hearth);
  const moved = await hearth.api('POST', `/api/models/${a.id}/move`, { category: 'archive' });
  assert.equal(moved.status, 200, JSON.stringify(moved));
  const archive = path.join(hearth.models, 'archive/loras');
  assert.equal(moved.data.moved_count, 1);
  assert.deepEqual([moved.data.moved_names, moved.data.relinked_names, moved.data.left_names], [[], [], []]);
  assert.equal(moved.data.new_path, fs.realpathSync(path.join(archive, 'a.gguf')));
  assert.deepEqual(fs.readdirSync(archive).sort(), ['a.civitai.info', 'a.gguf', 'a.preview.png']);
  assert.deepEqual(fs.readdirSync(loras), []);
  await scan(hearth);
  const there = (await list(hearth, '?category=archive'))[0];
  assert.equal(there.id, a.id);

  // Something in the way: all of it stays where it was.
  fs.writeFileSync(path.join(loras, 'a.preview.png'), 'other');
  const clash = await hearth.api('POST', `/api/models/${a.id}/move`, { category: 'active' });
  assert.equal(clash.status, 409);
  assert.match(clash.error.message, /a\.preview\.png exists/);
  assert.deepEqual(fs.readdirSync(archive).sort(), ['a.civitai.info', 'a.gguf', 'a.preview.png']);
  fs.unlinkSync(path.join(loras, 'a.preview.png'));

  const bulk = await hearth.api('POST', '/api/models/bulk-move',
                                { model_ids: [a.id, b.id, 'nobody'], category: 'active' });
  assert.equal(bulk.status, 200, JSON.stringify(bulk));
  assert.equal(bulk.data.moved_count, 1);
  assert.equal(bulk.data.failed_count, 2);
  assert.deepEqual(bulk.data.details.map((detail) => detail.status), ['moved', 'failed', 'failed']);
  assert.ok(fs.existsSync(path.join(loras, 'a.gguf')));
});

test('deleting says first what it would do, and keeps what others need', async () => {
  const { dir, home } = prepare();
  const hub = putHub(home, 'some-org/tiny-GGUF', 'hub-model.gguf', { say: 'hub heron' });
  const ollama = putOllama(home, [['whale', 'one'], ['whale', 'two']], { say: 'whale wren' });
  const hearth = await start({ dir, models: { own: { say: 'oak otter' } } });
  const [hubModel, own, whale] = await list(hearth);
  const dry = await hearth.api('DELETE', `/api/models/${own.id}?dry_run=1`);
  assert.equal(dry.status, 200, JSON.stringify(dry));
  assert.deepEqual(dry.data, { is_deleted: false, files: [own.path], size_bytes: own.size_bytes });
  assert.ok(fs.existsSync(own.path));
  assert.equal((await hearth.api('DELETE', `/api/models/${own.id}`)).status, 200);
  assert.ok(!fs.existsSync(own.path));
  assert.equal((await hearth.api('GET', `/api/models/${own.id}`)).status, 404);

  const removed = await hearth.api('DELETE', `/api/models/${hubModel.id}`);
  assert.equal(removed.data.size_bytes, hubModel.size_bytes);
  assert.ok(!fs.existsSync(hub.link) && !fs.existsSync(hub.blob));

  assert.equal(whale.name, 'whale:one');
  assert.equal((await hearth.api('DELETE', `/api/models/${whale.id}`)).data.size_bytes < 1000, true);
  assert.ok(fs.existsSync(ollama.blob));
  await scan(hearth);
  const [two] = await list(hearth);
  assert.equal(two.name, 'whale:two');
  assert.equal((await hearth.api('DELETE', `/api/models/${two.id}`)).status, 200);
  assert.ok(!fs.existsSync(ollama.blob));
});

test('hearth models list: what each flag leaves, and in which order', async () => {
  const { dir, home } = prepare();
  putHub(home, 'some-org/tiny-GGUF', 'hub.gguf', { say: 'hub heron', arch: 'qwen3' });
  const hearth = await start({ dir, models: { a: { say: 'ash adder', type: 'F32' }, b: { say: 'birch bear', type: 'Q8_0' },
                                              z: { say: 'zinnia zebra', type: 'F32', layers: 6 } } });
  fs.mkdirSync(path.join(hearth.models, 'loras'));
  fs.writeFileSync(path.join(hearth.models, 'loras/style.safetensors'), 'x');
  await scan(hearth);
  const ids = Object.fromEntries((await list(hearth)).map((model) => [model.name, model.id]));
  assert.equal((await hearth.api('PUT', `/api/models/${ids.b}`, { tags: ['tree'] })).status, 200);
  assert.equal((await hearth.api('POST', `/api/models/${ids.a}/move`, { category: 'archive' })).status, 200);
  const command = (...args) => JSON.parse(execFileSync(HEARTH, ['models', 'list', ...args, '--json', '--data-dir', hearth.data],
                                                       { encoding: 'utf8' })).map((model) => model.name);
  const rows = [
    [[], ['a', 'b', 'hub', 'style', 'z']], [['hub'], ['hub']], [['--kind', 'lora'], ['style']],
    [['--arch', 'qwen3'], ['hub']], [['--quant', 'Q8_0'], ['b']], [['--tag', 'tree'], ['b']],
    [['--source', 'huggingface'], ['hub']], [['--category', 'archive'], ['a']],
    [['--kind', 'llm', '--category', 'active', '--order', 'desc'], ['z', 'hub', 'b']],
    [['--kind', 'llm', '--sort', 'size_bytes', '--order', 'desc', '--limit', '1'], ['z']],
  ];
  for (const [args, expected] of rows) assert.deepEqual(command(...args), expected, args.join(' '));
  for (const args of [['--kind', 'nothing'], ['--sort', 'inode'], ['--order', 'up'], ['--limit', '0'],
                      ['--category', 'attic'], ['--source', 'moon']])
    assert.throws(() => command(...args), (error) => error.status !== 0 && error.stderr.includes(args[0].slice(2)), args.join(' '));
});

// Two files with the same bytes, known as one model.
async function startWithCopy(hashes = true) {
  const hearth = await start({ models: { a: { say: 'ash adder' } } });
  assert.equal((await hearth.api('PUT', '/api/settings', { 'library.hashes': hashes })).status, 200);
  const copy = path.join(hearth.models, 'copy.gguf');
  fs.copyFileSync(path.join(hearth.models, 'a.gguf'), copy);
  await scan(hearth);
  return { hearth, copy, original: path.join(hearth.models, 'a.gguf') };
}
const oneRecord = (hearth) => until('one record', async () => {
  const models = await list(hearth);
  return models.length === 1 ? models[0] : null;
});
const show = async (hearth, name) => (await hearth.api('GET', `/api/models/${encodeURIComponent(name)}`)).data;
const paths = (model) => model.locations.map((place) => place.path);

test('copies are one record with several locations', async () => {
  const { hearth, copy, original } = await startWithCopy();
  const model = await oneRecord(hearth);
  const digest = sha256(original);
  assert.deepEqual([model.name, model.path, model.sha256, model.autov2, model.n_locations],
    ['a', original, digest, digest.slice(0, 10), 2]);
  assert.deepEqual((await hearth.api('GET', '/api/models/duplicates')).data,
    [{ id: model.id, name: 'a', sha256: digest, size_bytes: model.size_bytes, locations: (await show(hearth, 'a')).locations }]);
  const [first, second] = (await show(hearth, model.id)).locations;
  assert.deepEqual([first.id, first.path, second.name, second.path], [model.id, original, 'copy', copy]);
  // Names and ids of a place stand for the model.
  for (const name of ['copy', second.id]) assert.equal((await show(hearth, name)).id, model.id, name);
  const chat = async (name) => (await hearth.chat(name)).json().choices[0].message.content;
  assert.equal(await chat('copy'), await chat('a'));
  assert.deepEqual((await hearth.request('GET', '/v1/models')).json().data.map((entry) => entry.id), ['a', 'copy']);
  assert.deepEqual((await list(hearth, '?q=copy')).map((entry) => entry.name), ['a']);
  await scan(hearth); // what has not changed keeps its digest
  assert.deepEqual(paths(await show(hearth, 'a')), [original, copy]);
});

test('with several locations a change of files says which', async () => {
  const { hearth, copy, original } = await startWithCopy();
  const { id } = await oneRecord(hearth);
  const dry = (await hearth.api('DELETE', `/api/models/${id}?dry_run=1`)).data;
  assert.deepEqual(dry.files.toSorted(), [original, copy].toSorted());
  for (const [method, target, body] of [['DELETE', `/api/models/${id}`], ['POST', `/api/models/${id}/move`, { category: 'archive' }]]) {
    const refused = await hearth.api(method, target, body);
    assert.equal(refused.status, 409, target);
    assert.match(refused.error.message, /2 places/);
    const unknown = method === 'DELETE' ? await hearth.api(method, `${target}?location=/nowhere`)
      : await hearth.api(method, target, { ...body, location: '/nowhere' });
    assert.equal(unknown.status, 422);
    assert.match(JSON.stringify(unknown.error), /location.*\/nowhere/);
  }
  assert.ok(fs.existsSync(original) && fs.existsSync(copy));
  const moved = await hearth.api('POST', `/api/models/${id}/move`, { category: 'archive', location: copy });
  assert.equal(moved.status, 200);
  await scan(hearth);
  const archived = path.join(hearth.models, 'archive', 'copy.gguf');
  const model = await show(hearth, id);
  assert.deepEqual([model.category, paths(model)], ['active', [original, archived]]);
  // The place that stood for the record goes: the record lives on, and keeps its id.
  assert.equal((await hearth.api('PUT', `/api/models/${id}`, { tags: ['mine'], is_favourite: true })).status, 200);
  const other = model.locations[1].id;
  assert.equal((await hearth.api('DELETE', `/api/models/${id}?location=${encodeURIComponent(original)}`)).status, 200);
  for (const name of [id, other]) {
    const left = await show(hearth, name);
    assert.deepEqual([left.id, paths(left), left.tags, left.is_favourite, left.category], [id, [archived], ['mine'], true, 'archive']);
  }
  assert.deepEqual((await hearth.api('GET', '/api/models/duplicates')).data, []);
  await hearth.stop({ keep: true });
  await hearth.spawn();
  assert.equal((await show(hearth, other)).id, id);
  assert.equal((await hearth.api('DELETE', `/api/models/${id}`)).status, 200);
  assert.ok(!fs.existsSync(archived));
  assert.deepEqual(await list(hearth), []);
});

test('all locations go together when it is said', async () => {
  const { hearth, copy, original } = await startWithCopy();
  const { id } = await oneRecord(hearth);
  const gone = await hearth.api('DELETE', `/api/models/${id}?location=all`);
  assert.deepEqual([gone.status, gone.data.files.toSorted()], [200, [original, copy].toSorted()]);
  assert.ok(!fs.existsSync(original) && !fs.existsSync(copy));
  await scan(hearth);
  assert.deepEqual(await list(hearth), []);
});

test('a record whose first file is taken away lives on at its copy', async () => {
  const { hearth, copy, original } = await startWithCopy();
  const { id } = await oneRecord(hearth);
  const other = (await show(hearth, id)).locations[1].id;
  await hearth.api('PUT', `/api/models/${id}`, { tags: ['mine'] });
  fs.renameSync(original, `${original}.away`);
  await scan(hearth);
  for (const name of [id, other, 'copy']) {
    const model = await show(hearth, name);
    assert.deepEqual([model.id, model.path, model.tags, model.n_locations], [id, copy, ['mine'], 1]);
  }
  fs.renameSync(`${original}.away`, original);
  await scan(hearth);
  const back = await until('both places', async () => {
    const model = await show(hearth, id);
    return model.n_locations === 2 ? model : null;
  });
  assert.deepEqual(paths(back).toSorted(), [original, copy].toSorted());
  fs.writeFileSync(copy, 'other bytes now');
  await scan(hearth);
  assert.deepEqual((await list(hearth)).map((model) => model.n_locations), [1, 1]);
});

test('an engine of a copy ends its work when that becomes part of another record', async () => {
  const { hearth } = await startWithCopy(false);
  assert.equal((await list(hearth)).length, 2);
  await hearth.chat('copy');
  const running = hearth.chat('copy', { max_tokens: 200, ignore_eos: true });
  assert.equal((await hearth.api('PUT', '/api/settings', { 'library.hashes': true })).status, 200);
  await oneRecord(hearth);
  assert.ok((await running).json().choices[0].message.content.length > 0);
  await hearth.chat('copy');
  const servers = await until('one engine', async () => {
    const { data } = await hearth.api('GET', '/api/servers');
    const up = data.filter((server) => server.state === 'ready');
    return up.length === 1 && up[0].profile_name === 'a' ? up : null;
  });
  assert.equal(servers.length, 1);
});

test('how far a scan is comes as events', async () => {
  const hearth = await start({ models: { a: { say: 'ash adder' } } });
  fs.writeFileSync(path.join(hearth.models, 'bad.gguf'), 'bad');
  const stop = new AbortController();
  const stream = await fetch(`${hearth.base}/api/events`, { signal: AbortSignal.any([stop.signal, AbortSignal.timeout(20000)]) });
  await scan(hearth);
  let text = '', told;
  for await (const piece of stream.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    told = /^event: model\.scan\n(?:id: .*\n)?data: (.*"is_running":false.*)$/m.exec(text);
    if (told) break;
  }
  stop.abort();
  const { is_running, n_models, n_errors } = JSON.parse(told[1]).data;
  assert.deepEqual([is_running, n_models, n_errors], [false, 2, 1]);
});

// A scan over a WebSocket, to its end: what came, and the close code.
async function watchScan(hearth, id) {
  const socket = new WebSocket(`ws+unix:${hearth.socket}:/ws/scan/${id}`, { headers: { Host: 'localhost' } });
  const records = [];
  socket.on('message', (text) => records.push(JSON.parse(text)));
  const [code] = await once(socket, 'close');
  return { records, code };
}

test('a scan is followed over a WebSocket to its end', async () => {
  const hearth = await start({ models: { a: { say: 'ash adder' } } });
  for (let i = 0; i < 3000; i++) fs.writeFileSync(path.join(hearth.models, `m-${i}.gguf`), `bad ${i}`);
  const first = await hearth.api('POST', '/api/models/scan?wait=false');
  assert.equal(first.status, 202, JSON.stringify(first));
  const second = await hearth.api('POST', '/api/models/scan?wait=false');
  assert.equal(second.status, 202);
  const views = await Promise.all([first, second].map(({ data }) => watchScan(hearth, data.task_id)));
  for (const [i, { records, code }] of views.entries()) {
    const id = [first, second][i].data.task_id;
    assert.equal(code, 1000);
    assert.ok(records.every(({ type, data }) => type === 'progress' && data.task_id === id), JSON.stringify(records));
    const { status, is_running, n_models, n_errors } = records.at(-1).data;
    assert.deepEqual([status, is_running, n_models, n_errors], ['completed', false, 3001, 3000]);
    assert.ok(records.slice(0, -1).every(({ data }) => data.status !== 'completed'));
  }
  const shown = await until('the end of what the watch began', async () => {
    const { data } = await hearth.api('GET', '/api/models/scan');
    return data.status === 'completed' ? data : null;
  });
  const late = await watchScan(hearth, shown.task_id); // the last one can still be asked for
  assert.deepEqual([late.code, late.records.map(({ data }) => data.status)], [1000, ['completed']]);
  const numbers = /^scan-([0-9]+)$/.exec(shown.task_id);
  assert.ok(numbers, shown.task_id);
  for (const id of ['nothing', 'scan-', 'scan-0', 'scan--1', `scan-0${numbers[1]}`, `scan-${Number(numbers[1]) + 9}`]) {
    const { records, code } = await watchScan(hearth, id);
    assert.deepEqual([code, records], [1000, [{ type: 'error', message: `Task not found: ${id}` }]]);
  }
});

test('a reader that has not taken a large picture yet still hears what happens', async () => {
  const hearth = await start({ models: { a: { say: 'ash adder' } } });
  for (let i = 0; i < 12000; i++) fs.writeFileSync(path.join(hearth.models, `model-with-a-long-name-${i}.gguf`), `bad ${i}`);
  await scan(hearth);
  const { id } = (await list(hearth, '?q=ash&limit=1'))[0] ?? (await show(hearth, 'a'));
  const res = await new Promise((resolve, reject) => {
    http.get(`${hearth.base}/api/events?types=model.changed`, resolve).on('error', reject);
  });
  res.pause();
  for (let i = 0; i < 5; i++)
    assert.equal((await hearth.api('PUT', `/api/models/${id}`, { is_favourite: i % 2 === 0 })).status, 200);
  let text = '';
  for await (const piece of res.setEncoding('utf8')) {
    text += piece;
    assert.ok(!text.includes('\nevent: end'), text.slice(-300));
    if (text.split('\nevent: model.changed').length > 5) break;
  }
  const [picture] = /data: (.*)\n/.exec(text).slice(1);
  assert.ok(picture.length > 8e6, `${picture.length}`);
  assert.equal(JSON.parse(picture).models.length, 12001);
});

test('what is left out of a scan is told once for as long as it is the same', async () => {
  const hearth = await start({ models: { a: { say: 'ash' } } });
  const told = async () => (await hearth.api('GET', '/api/logs?source=library&level=warn')).data.entries.map(({ message }) => message);
  const scan = async () => assert.equal((await hearth.api('POST', '/api/models/scan')).status, 200);
  fs.writeFileSync(Buffer.concat([Buffer.from(`${hearth.models}/`), Buffer.from([0xff]), Buffer.from('.gguf')]), 'x');
  for (let i = 0; i < 5; i++) await scan();
  const first = await until('a warning', async () => { const all = await told(); return all.length && all; });
  assert.deepEqual(first, ['1 left out of the scan; the first: a name that is no plain UTF-8']);
  fs.writeFileSync(path.join(hearth.models, 'b\nc.gguf'), 'x');
  await scan();
  const second = await until('another', async () => { const all = await told(); return all.length > 1 && all; });
  assert.equal(second.length, 2, JSON.stringify(second));
  assert.match(second[0], /^2 left out/);
});

test('what changes in a folder is seen without asking', async () => {
  const hearth = await start({ models: { a: { say: 'ash adder' } } });
  fs.mkdirSync(path.join(hearth.models, 'new'));
  const names = async () => (await list(hearth)).map((model) => model.name).join();
  writeModel(path.join(hearth.models, 'b.gguf'), { say: 'birch bear' });
  await until('b to be seen', async () => await names() === 'a,b');
  writeModel(path.join(hearth.models, 'new/c.gguf'), { say: 'cedar crane' });
  await until('c to be seen', async () => await names() === 'a,b,c');
  fs.unlinkSync(path.join(hearth.models, 'a.gguf'));
  await until('a to go', async () => await names() === 'b,c');
});
