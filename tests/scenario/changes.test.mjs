// What changes beneath a daemon that runs: files that come and go, its own
// configuration, what it is asked to store. With a real llama-server.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Hearth, isAlive, until } from './lib/hearth.mjs';

const RED = { say: 'apple brick cherry ember flame' };
const started = [];
after(async () => { for (const hearth of started) await hearth.stop(); });
async function start(options) {
  const hearth = await Hearth.start(options);
  started.push(hearth);
  return hearth;
}

test('a model whose file goes takes its engine along, and may come back', async () => {
  const hearth = await start({ models: { red: RED } });
  const file = path.join(hearth.models, 'red.gguf');
  assert.equal((await hearth.api('POST', '/api/servers/red/start?wait=1')).status, 200);
  const before = await hearth.server('red');
  fs.renameSync(file, `${file}.part`);
  assert.equal((await hearth.api('POST', '/api/models/scan')).status, 200);
  await until('the engine to end', () => !isAlive(before.pid));
  await until('its row to go', async () => !(await hearth.server('red')));
  assert.equal((await hearth.chat('red')).status, 404);

  fs.renameSync(`${file}.part`, file);
  assert.equal((await hearth.api('POST', '/api/models/scan')).status, 200);
  const answer = await hearth.chat('red');
  assert.equal(answer.status, 200, answer.text);
  const again = await hearth.server('red');
  assert.equal(again.profile_id, before.profile_id);
  assert.notEqual(again.pid, before.pid);
  assert.equal((await hearth.api('POST', '/api/servers/red/stop?wait=1')).status, 200);
  assert.ok(!isAlive(again.pid));
});

// A request that holds its place until finish() sends the rest of its body.
async function hold(hearth, model) {
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], max_tokens: 8 });
  const req = http.request({ host: '127.0.0.1', port: hearth.port, method: 'POST', agent: false,
    path: `/upstream/${model}/v1/chat/completions`,
    headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) } });
  const answered = once(req, 'response');
  req.write(body.slice(0, 9));
  await until('it to have a place', async () => (await hearth.server(model)).queue.active === 1);
  return { async finish() {
    req.end(body.slice(9));
    const [answer] = await answered;
    answer.resume();
    await once(answer, 'end');
    return answer.statusCode;
  } };
}

test('a model whose file goes finishes what it has begun', async () => {
  const hearth = await start({ models: { red: RED } });
  const file = path.join(hearth.models, 'red.gguf');
  assert.equal((await hearth.api('POST', '/api/servers/red/start?wait=1')).status, 200);
  const { pid } = await hearth.server('red');
  const held = await hold(hearth, 'red');
  fs.renameSync(file, `${file}.part`);
  assert.equal((await hearth.api('POST', '/api/models/scan')).status, 200);
  assert.equal((await hearth.chat('red')).status, 404);
  assert.ok(isAlive(pid));
  assert.equal(await held.finish(), 200);
  await until('the idle engine to end', () => !isAlive(pid));
  await until('its row to go', async () => !(await hearth.server('red')));
});

test('a model whose file comes back in time keeps its engine', async () => {
  const hearth = await start({ models: { red: RED } });
  const file = path.join(hearth.models, 'red.gguf');
  assert.equal((await hearth.api('POST', '/api/servers/red/start?wait=1')).status, 200);
  const { pid } = await hearth.server('red');
  const held = await hold(hearth, 'red');
  fs.renameSync(file, `${file}.part`);
  assert.equal((await hearth.api('POST', '/api/models/scan')).status, 200);
  fs.renameSync(`${file}.part`, file);
  assert.equal((await hearth.api('POST', '/api/models/scan')).status, 200);
  assert.equal((await hearth.chat('red')).status, 200);
  assert.equal(await held.finish(), 200);
  assert.equal((await hearth.chat('red')).status, 200);
  assert.equal((await hearth.server('red')).pid, pid);
});

test('SIGHUP names the keys that wait for a restart', async () => {
  const hearth = await start({});
  const file = path.join(hearth.dir, 'hearth.yaml');
  fs.appendFileSync(file, 'port_start: 12000\nrate_limit_per_s: 900\nmodels_max: 3\n');
  process.kill(hearth.pid, 'SIGHUP');
  await until('the keys that wait', () => /only after a restart: .*\n/.test(hearth.output()));
  assert.match(hearth.output(), /only after a restart: port_start, rate_limit_per_s\n/);
});

test('the folders are looked through for a setting that they depend on only', async () => {
  const hearth = await start({ models: { a: RED }, config: 'library:\n  rescan_s: 86400\n' });
  const comfy = path.join(hearth.dir, 'comfy'), archive = path.join(hearth.dir, 'archive');
  fs.mkdirSync(path.join(comfy, 'models/loras'), { recursive: true });
  fs.writeFileSync(path.join(comfy, 'models/loras/tint.ckpt'), 'tint');
  // The end of the scan that runs, or else of the last one.
  const ended = () => until('the end of a scan', async () => {
    const { data } = await hearth.api('GET', '/api/models/scan');
    return data.status === 'completed' ? data.task_id : null;
  });
  const put = async (settings) =>
    assert.equal((await hearth.api('PUT', '/api/settings', settings)).status, 200, JSON.stringify(settings));
  let last = await ended();
  for (const settings of [{ log_level: 'debug' }, { models_max: 3 }, { 'library.hashes': false },
                          { 'library.hashes': true, 'activity.capture': true }]) {
    await put(settings);
    assert.equal(await ended(), last, JSON.stringify(settings));
  }
  for (const settings of [{ 'library.comfyui_dirs': [comfy] }, { 'library.archive_dir': archive },
                          { 'library.comfyui_dirs': [] }]) {
    await put(settings);
    const next = await ended();
    assert.notEqual(next, last, JSON.stringify(settings));
    last = next;
  }
  const file = path.join(hearth.dir, 'hearth.yaml'), more = path.join(hearth.dir, 'more');
  fs.mkdirSync(more);
  fs.writeFileSync(path.join(more, 'late.ckpt'), 'late');
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(/^models_dirs: .*$/m, `models_dirs: [${hearth.models}, ${more}]`));
  process.kill(hearth.pid, 'SIGHUP');
  await until('what is in the new folder', async () =>
    (await hearth.api('GET', '/api/models')).data.some(({ name }) => name === 'late'));
});

test("Hearth's own port is not for a profile", async () => {
  const hearth = await start({ models: { red: RED } });
  const wrong = await hearth.api('POST', '/api/profiles', { name: 'x',
    model_path: path.join(hearth.models, 'red.gguf'), port: hearth.port });
  assert.equal(wrong.status, 422);
  assert.equal(wrong.error.details[0].field, 'port');
  assert.match(wrong.error.message, new RegExp(`${hearth.port}.*Hearth`));
});

test('every bad setting is named at once', async () => {
  const hearth = await start({});
  const { status, error } = await hearth.api('PUT', '/api/settings',
    { log_level: 'loud', drain_after_ms: 7, nothing: 1, models_max: -1 });
  assert.equal(status, 422);
  assert.deepEqual(error.details.map((detail) => detail.field), ['log_level', 'nothing', 'models_max']);
});

test('a fixed word of the API is no id', async () => {
  const hearth = await start({});
  for (const [method, target, allow] of [
    ['DELETE', '/api/profiles/next-port', 'GET, HEAD'],
    ['GET', '/api/profiles/preview', 'POST'],
    ['GET', '/api/models/bulk-move', 'POST'],
  ]) {
    const answer = await hearth.api(method, target);
    assert.equal(answer.status, 405, target);
    assert.equal(answer.headers.allow, allow);
  }
});

test('a start that the installed engine cannot do names the option', async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-test-'));
  fs.mkdirSync(path.join(dir, 'engines.d'));
  fs.writeFileSync(path.join(dir, 'engines.d', 'odd.json'), JSON.stringify({
    name: 'odd', title: 'Odd', binaries: ['odd'], install_hint: 'x',
    version_args: ['--version'], help_args: ['--help'], argv: ['--port', '${port}'],
    ready_path: '/health', serves: ['/v1/*'], model_field: 'keep', needs_model: false,
    slots: { default: 1 }, stop: [{ signal: 'TERM', wait_ms: 9 }, { signal: 'KILL', wait_ms: 9 }],
    options: [{ key: 'warp', flag: '--warp-drive', type: 'int', min: 0, max: 9, group: 'g', help: 'h' },
      { key: 'token', env: 'ODD_TOKEN', type: 'text', group: 'g', help: 'h', secret: true }],
  }));
  fs.writeFileSync(path.join(dir, 'odd'), '#!/bin/sh\necho "  --port N   where to listen"\n', { mode: 0o755 });
  const hearth = await start({ dir, config: `engines:\n  odd: { path: ${path.join(dir, 'odd')} }\n` });
  const made = await hearth.api('POST', '/api/profiles', { name: 'x', engine: 'odd', options: { warp: 3, token: 'hush' } });
  assert.equal(made.status, 201, JSON.stringify(made.error));
  assert.deepEqual(made.data.options, { warp: 3, token: '***' });
  // Before anything is started, list and preview know it.
  const engine = (await hearth.api('GET', '/api/system/engines')).data.find(({ name }) => name === 'odd');
  assert.deepEqual(engine.binary.lacks, ['warp']);
  const preview = await hearth.api('POST', '/api/profiles/preview', { id: made.data.id, port: 0, options: { warp: 3, token: '***' } });
  assert.deepEqual(preview.data, {
    program: path.join(dir, 'odd'), argv: [path.join(dir, 'odd'), '--port', '${port}'], fields: ['', 'port', 'port'],
    env: { ODD_TOKEN: '***' },
    problems: [{ field: 'options.warp', message: 'the installed odd (unknown version) has no --warp-drive' }],
  });
  assert.equal((await hearth.server('x')).state, 'stopped');
  for (let i = 0; i < 2; i++) {
    const { status, error } = await hearth.api('POST', '/api/servers/x/start?wait=1');
    assert.equal(status, 409);
    assert.equal(error.code, 'unknown_option');
    assert.equal(error.field, 'options.warp');
  }
  assert.equal((await hearth.server('x')).error.field, 'options.warp');
});

test('a long data folder is possible, a longer one is refused by name', async () => {
  const base = fs.mkdtempSync('/tmp/hearth-test-');
  const dir = path.join(base, 'd'.repeat(90 - '/data'.length - base.length - 1));
  fs.mkdirSync(dir);
  const hearth = await start({ dir, models: { red: RED } });
  assert.equal(hearth.data.length, 90);
  assert.equal((await hearth.chat('red')).status, 200);
  await hearth.stop({ keep: true });
  const longer = new Hearth();
  Object.assign(longer, { options: {}, dir, data: `${hearth.data}x`, models: hearth.models });
  await assert.rejects(longer.spawn(), /data_dir .*too long.*90/s);
  fs.rmSync(base, { recursive: true });
});
