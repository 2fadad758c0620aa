// llama.cpp's own server in router mode, run by Hearth: many models behind
// one server, their states as it tells them, their answers at one address.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import { Hearth, freePort, isAlive, request, until } from './lib/hearth.mjs';

const LLAMA = process.env.HEARTH_LLAMA_SERVER;
if (!LLAMA) throw new Error('HEARTH_LLAMA_SERVER is not set: run the tests with ./dev test');
const MODELS = { 'tiny-a': { say: 'alpha one' }, 'tiny-b': { say: 'beta two' } };
let hearth;
before(async () => { hearth = await Hearth.start({ models: MODELS }); });
after(async () => { await hearth?.stop(); });

async function ask(method, target, body, status = 200) {
  const answer = await hearth.api(method, target, body);
  assert.equal(answer.status, status, `${method} ${target}: ${JSON.stringify(answer).slice(0, 600)}`);
  return answer.data ?? answer.error;
}
const status = () => ask('GET', '/api/llama/status');
const states = async () => Object.fromEntries((await status()).models.map((model) => [model.name, model.status]));
const said = async (model) => {
  const answer = await hearth.chat(model);
  assert.equal(answer.status, 200, answer.text);
  const { choices, model: name } = answer.json();
  return [choices[0].message.content.trim(), name];
};
const listed = async (id) => (await hearth.request('GET', '/v1/models')).json().data.find((model) => model.id === id);

async function join() {
  const { data } = await hearth.api('POST', '/api/keys', { name: 'live' });
  return dial(hearth, { key: data.key ?? data.secret });
}

async function dial({ base }, auth = {}) {
  const socket = io(base, { path: '/llamaproxws', transports: ['websocket'], auth, forceNew: true });
  const told = [];
  socket.onAny((event, message) => { if (message?.type === 'broadcast') told.push(message); });
  await new Promise((resolve, reject) => { socket.on('connect', resolve); socket.on('connect_error', reject); });
  const call = (event, payload = {}) => new Promise((resolve) => {
    socket.once(`${event}:result`, (answer) => {
      assert.deepEqual([answer.type, answer.event, answer.requestId], ['response', event, `req_${event}`]);
      resolve(answer);
    });
    socket.emit(event, { ...payload, requestId: `req_${event}` });
  });
  const good = async (event, payload) => {
    const answer = await call(event, payload);
    assert.equal(answer.success, true, `${event}: ${JSON.stringify(answer)}`);
    return answer.data;
  };
  const statuses = (name) => told.filter(({ event, data: { modelName } }) => event === 'models:status' && modelName === name)
    .map(({ data }) => data.status);
  return { socket, told, call, good, statuses };
}

test('before it runs, nothing claims that it does', async () => {
  assert.deepEqual(await states(), {});
  assert.equal((await status()).status, 'idle');
  const config = await ask('GET', '/api/llama/config');
  assert.equal(config.models_dir, hearth.models);
  assert.deepEqual([config.profile_id, config.attach, config.ctx_size], [null, false, null]);
  await ask('POST', '/api/llama/stop', undefined, 409);
  await ask('POST', '/api/llama/rescan', undefined, 409);
  const bad = await ask('PUT', '/api/llama/config', { ctx_size: 'many' }, 422);
  assert.equal(bad.details[0].field, 'ctx_size');
  const outside = await ask('PUT', '/api/llama/config', { models_dir: '/etc' }, 422);
  assert.equal(outside.details[0].field, 'models_dir');
  assert.equal((await ask('GET', '/api/llama/config')).profile_id, null);
});

test('started with a preset: loads by its own word, answers through the gateway', async () => {
  await ask('POST', '/api/presets', { name: 'small', text: 'LLAMA_CONFIG_VERSION = 1\n[*]\nctx-size = 512\n[tiny-b]\nctx-size = 256\n' }, 201);
  await ask('PUT', '/api/models/tiny-a/profile', { ctx_size: 768 });
  await ask('PUT', '/api/llama/config', { metrics: true });
  const live = await join();
  try {
    const started = await live.good('llama:start-with-preset', { presetName: 'small', maxModels: 2, threads: 1 });
    assert.deepEqual([started.success, started.mode, started.status], [true, 'router', 'running']);
    assert.match(started.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    const { status: seen } = await live.good('llama:status');
    assert.deepEqual([seen.status, seen.processRunning, seen.mode, seen.port], ['running', true, 'router', started.port]);
    await until('its list', async () => Object.keys(await states()).length === 2);
    assert.deepEqual(await states(), { 'tiny-a': 'unloaded', 'tiny-b': 'unloaded' });
    await live.good('metrics:subscribe', { interval: 1000 });
    const { data: measured } = await until('its figures', () => live.told.find(({ event }) => event === 'llama-server:status'));
    assert.deepEqual([measured.status, measured.port, measured.metrics.nThreads, measured.metrics.activeModels],
      ['running', started.port, 1, 0]);
    assert.ok(measured.metrics.uptime >= 0);
    assert.deepEqual([measured.metrics.totalRequests, measured.metrics.predictedTokensTotal, measured.rawMetrics], [0, null, null]);
    const { pid, profile_id } = await status();
    const args = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    for (const flag of ['--models-dir', '--models-max', '--models-preset', '--threads']) assert.ok(args.includes(flag), args.join(' '));
    assert.equal(args[args.indexOf('--models-max') + 1], '2');

    const loaded = await live.good('models:load', { modelName: 'tiny-b' });
    assert.deepEqual([loaded.modelName, loaded.status], ['tiny-b', 'loaded']);
    assert.deepEqual(await states(), { 'tiny-a': 'unloaded', 'tiny-b': 'loaded' });
    const seenStates = live.statuses('tiny-b');
    assert.equal(seenStates[0], 'loading');
    assert.equal(seenStates.at(-1), 'loaded');
    assert.equal((await live.call('models:load', { modelName: 'tiny-b' })).error.code, 'conflict');

    // The name is kept, the other model is loaded by the request for it.
    assert.deepEqual(await said('tiny-b'), ['beta two', 'tiny-b']);
    assert.deepEqual(await said('tiny-a'), ['alpha one', 'tiny-a']);
    assert.deepEqual(await said('llama-router/tiny-a'), ['alpha one', 'tiny-a']);
    await until('tiny-a to be loaded', async () => (await states())['tiny-a'] === 'loaded');
    assert.equal((await listed('tiny-a')).status.value, 'loaded');
    // The figures of its models, together: three answers.
    const { metrics: figures, rawMetrics: raw } = await until('the figures of its models', () => live.told.findLast(({ event, data }) =>
      event === 'llama-server:status' && data.metrics.activeModels === 2 && data.metrics.predictedTokensTotal >= 9)?.data);
    assert.equal(figures.totalRequests, 3);
    for (const name of ['promptTokensTotal', 'promptSecondsTotal', 'predictedSecondsTotal', 'promptTokensSeconds', 'predictedTokensSeconds', 'nDecodeTotal', 'nTokensMax', 'nBusySlotsPerDecode'])
      assert.ok(figures[name] > 0, `${name} ${figures[name]}`);
    assert.equal(raw['llamacpp:tokens_predicted_total'], figures.predictedTokensTotal);
    assert.match((await hearth.request('GET', '/metrics')).text, /^hearth_server_requests_total\{model="llama-router"\} 3$/m);
    const { data: servers } = await hearth.api('GET', '/api/servers?running=1');
    assert.deepEqual(servers.map(({ profile_name: name }) => name), ['llama-router']);
    // The preset reached it, and so did the launch profile.
    const engine = (target) => hearth.request('GET', target);
    const props = async (name) => (await engine(`/props?model=${name}`)).json().default_generation_settings.n_ctx;
    assert.equal(await props('tiny-b'), 256);
    assert.equal(await props('tiny-a'), 768);

    const unloaded = await live.good('models:unload', { modelName: 'tiny-b' });
    assert.equal(unloaded.status, 'unloaded');
    assert.equal((await states())['tiny-b'], 'unloaded');
    assert.equal((await listed('tiny-b')).status.value, 'unloaded');
    assert.equal((await live.call('models:unload', { modelName: 'tiny-b' })).error.code, 'conflict');
    // llama.cpp's own way of saying it.
    const own = await hearth.request('POST', '/models/load', { body: { model: 'tiny-b' } });
    assert.equal(own.text, '{"success":true}');
    await until('tiny-b to be loaded again', async () => (await states())['tiny-b'] === 'loaded');
    assert.equal((await hearth.request('POST', '/models/load', { body: { model: 'tiny-b' } })).status, 400);

    // What is changed reaches it when it is asked to read anew.
    assert.equal((await status()).rescan_required, false);
    await ask('PUT', '/api/models/tiny-a/profile', { ctx_size: 1024 });
    assert.equal((await status()).rescan_required, true);
    assert.equal(await props('tiny-a'), 768);
    assert.equal((await ask('POST', '/api/llama/rescan')).rescan_required, false);
    await ask('PUT', '/api/presets/small/sections/tiny-b', { options: { 'ctx-size': 128 * 6, temperature: 0, 'yarn-ext-factor': -1,
      'threads-draft': 1, 'cpu-range': '0-0', 'n-cpu-moe-draft': 1, 'spec-ngram-mod-n-min': 8, 'reasoning-preserve': false, verbose: false } });
    await until('it to be known', async () => (await status()).rescan_required);
    await ask('POST', '/api/llama/rescan');
    for (const name of ['tiny-a', 'tiny-b']) await said(name);
    assert.deepEqual([await props('tiny-a'), await props('tiny-b')], [1024, 768]);

    // What it has loaded is not deleted under it.
    const kept = await ask('DELETE', '/api/models/tiny-a', undefined, 409);
    assert.match(kept.message, /llama-router/);

    // A file that comes is found when it is asked to look.
    fs.copyFileSync(path.join(hearth.models, 'tiny-a.gguf'), path.join(hearth.models, 'tiny-c.gguf'));
    await live.good('llama:rescan');
    await until('the third model', async () => 'tiny-c' in await states());
    assert.deepEqual(await said('tiny-c'), ['alpha one', 'tiny-c']);
    fs.unlinkSync(path.join(hearth.models, 'tiny-c.gguf'));
    await live.good('llama:rescan');
    await until('its end', async () => !('tiny-c' in await states()));
    assert.ok(live.told.some(({ event, data }) => event === 'llama:status' && data.status === 'running'));
    assert.ok(live.told.some(({ event, data }) => event === 'llama:server-event' && data.type === 'status_change' && data.data.model === 'tiny-b' && data.data.status === 'loaded'));
    const server = await ask('GET', `/api/servers/${profile_id}/status`);
    assert.equal(server.pid, pid);
  } finally {
    live.socket.close();
  }
});

test('a model that cannot be loaded is not said to be', async () => {
  fs.writeFileSync(path.join(hearth.models, 'broken.gguf'), 'GGUF but nothing that is a model');
  await ask('POST', '/api/llama/rescan');
  await until('it to be listed', async () => 'broken' in await states());
  const failed = await ask('POST', '/api/models/broken/load?wait=1', undefined, 503);
  assert.equal(failed.code, 'load_failed');
  assert.equal((await states()).broken, 'error');
  fs.unlinkSync(path.join(hearth.models, 'broken.gguf'));
  await ask('POST', '/api/llama/rescan');
});

test('hearth is killed and comes back: the same server, the same models', async () => {
  for (const name of ['tiny-a', 'tiny-b']) await said(name);
  await until('both to be loaded', async () => Object.values(await states()).every((state) => state === 'loaded'));
  const before = await status();
  await hearth.kill9();
  assert.ok(isAlive(before.pid));
  await hearth.spawn();
  const again = await until('the server again', async () => {
    const now = await status();
    return now.status === 'running' && now.models.length === 2 ? now : null;
  });
  assert.equal(again.pid, before.pid);
  assert.deepEqual(await states(), { 'tiny-a': 'loaded', 'tiny-b': 'loaded' });
  assert.deepEqual(await said('tiny-b'), ['beta two', 'tiny-b']);
});

test('kill -9 of the server: nothing is loaded any more, and it comes back', async () => {
  const live = await join();
  try {
    const { pid } = await status();
    process.kill(pid, 'SIGKILL');
    await until('the word of it', () => live.statuses('tiny-a').includes('unloaded') && live.statuses('tiny-b').includes('unloaded'));
    assert.ok(live.told.some(({ event }) => event === 'models:router-stopped'));
    const again = await until('its restart', async () => {
      const now = await status();
      return now.status === 'running' && now.models.length === 2 ? now : null;
    });
    assert.notEqual(again.pid, pid);
    assert.deepEqual(await states(), { 'tiny-a': 'unloaded', 'tiny-b': 'unloaded' });
    assert.deepEqual(await said('tiny-a'), ['alpha one', 'tiny-a']);
  } finally {
    live.socket.close();
  }
});

test('stopped, its models are served by servers of their own', async () => {
  const live = await join();
  try {
    const { pid } = await status();
    assert.equal((await live.good('llama:stop')).success, true);
    assert.ok(!isAlive(pid));
    assert.deepEqual(await states(), {});
    assert.equal((await live.good('models:load', { modelName: 'tiny-b' })).status, 'loaded');
    const { data: servers } = await hearth.api('GET', '/api/servers?running=1');
    assert.deepEqual(servers.map(({ profile_name: name }) => name), ['tiny-b']);
    assert.deepEqual((await said('tiny-b'))[0], 'beta two');
    // What runs by itself goes on serving when the router comes.
    const { config } = await live.good('routerConfig:update', { config: { maxModelsLoaded: 1, ctxSize: 1024, autoStartOnLaunch: true } });
    assert.deepEqual([config.maxModelsLoaded, config.ctxSize, config.autoStartOnLaunch, config.preset], [1, 1024, true, 'small']);
    assert.equal((await live.call('routerConfig:update', { config: { ctxSize: -5 } })).error.code, 'invalid');
    assert.equal((await live.good('llama:start')).success, true);
    await until('its list', async () => Object.keys(await states()).length === 2);
    assert.deepEqual((await said('tiny-b'))[0], 'beta two');
    assert.equal((await states())['tiny-b'], 'unloaded');
    assert.equal((await live.good('models:unload', { modelName: 'tiny-b' })).status, 'unloaded');
    assert.deepEqual(await said('tiny-b'), ['beta two', 'tiny-b']);
    assert.equal((await states())['tiny-b'], 'loaded');
    const { pid: first } = await status();
    assert.equal((await live.good('llama:restart')).success, true);
    assert.notEqual((await status()).pid, first);
    assert.equal((await live.good('presets:get-models-dir')).modelsDir, hearth.models);
    assert.ok(live.told.some(({ event, data }) => event === 'routerConfig:updated' && data.config.ctxSize === 1024));
    await live.good('llama:stop');
    const { config: reset } = await live.good('routerConfig:reset');
    assert.deepEqual([reset.ctxSize, reset.preset, reset.autoStartOnLaunch], [null, null, false]);
    assert.equal((await live.good('llama:config', { settings: { parallelSlots: 1 } })).settings.parallelSlots, 1);
  } finally {
    live.socket.close();
  }
});

test('on this machine no key is needed to run it, but to read another', async () => {
  const fresh = await Hearth.start({ models: MODELS });
  const { socket, told, call, good } = await dial(fresh);
  try {
    const attach = await call('llama:config', { attach: true, port: 7999 });
    assert.equal(attach.error.code, 'forbidden', JSON.stringify(attach));
    assert.match(attach.error.message, /^attach decides what is read/);
    // A preset that is not there is not kept for the next start.
    const none = await call('llama:start-with-preset', { presetName: 'none' });
    assert.deepEqual([none.error.code, none.error.details[0].field, none.error.message],
                     ['invalid', 'preset', 'there is no preset "none"']);
    await good('llama:config', { settings: { maxModelsLoaded: 1, ctxSize: 512 } });
    // The dashboard's older names for the same, all of it sent back as it came.
    const { config } = await good('config:get');
    assert.deepEqual(config, { serverPath: null, host: '127.0.0.1', port: 0, baseModelsPath: fresh.models, ctx_size: 512,
                               batch_size: null, threads: null });
    assert.deepEqual((await good('config:update', { config: { ...config, batch_size: 64, threads: 1 } })).config,
                     { ...config, batch_size: 64, threads: 1 });
    assert.equal((await good('settings:update', { settings: { maxModelsLoaded: 2, parallelSlots: 1, gpuLayers: 0, autoLoadModels: true } }))
      .settings.maxModelsLoaded, 2);
    assert.equal((await good('config:update', { config: { models_max: 3 } })).config.models_max.value, 3, "and Hearth's own");
    const elsewhere = await call('config:update', { config: { serverPath: '/bin/true' } });
    assert.deepEqual([elsewhere.error.code, elsewhere.error.message], ['invalid', 'server_path: it is set by engines.llama-server-router.path']);
    await good('routerConfig:update', { config: (await good('routerConfig:get')).config });
    assert.equal((await good('llama:start')).mode, 'router');
    assert.equal((await good('models:load', { modelName: 'tiny-a' })).status, 'loaded');
    assert.equal((await good('models:unload', { modelName: 'tiny-a' })).status, 'unloaded');
    const { models } = await good('models:list', { q: 'tiny-a' });
    const statuses = told.filter(({ event }) => event === 'models:status').map(({ data }) => data);
    assert.ok(statuses.length > 0 && statuses.every(({ modelName, modelId }) => modelName === 'tiny-a' && modelId === models[0].id),
              JSON.stringify(statuses));
    told.length = 0;
    assert.equal((await good('llama:restart')).status, 'running');
    for (const { data } of told.filter(({ event }) => event === 'llama:status'))
      if (data.status === 'starting' && data.pid === null)
        assert.deepEqual([data.port, data.url, data.processRunning], [null, null, false], 'the one before is gone');
    // Once it is said to run, it is what loads.
    for (let i = 0; i < 5; i++) {
      assert.equal((await good('llama:restart')).status, 'running');
      assert.deepEqual((await good('models:load', { modelName: 'tiny-b' })).server.model, 'tiny-b');
    }
    await good('llama:stop');
    // One that went away meanwhile fails the start, and no line of the run before is said to explain it.
    await good('presets:create', { filename: 'brief' });
    await good('llama:start-with-preset', { presetName: 'brief' });
    await good('llama:stop');
    await good('presets:delete', { filename: 'brief' });
    const gone = await call('llama:start');
    assert.deepEqual([gone.error.message, gone.error.log_tail, gone.error.exit_code], ['there is no preset "brief"', [], null]);
    fs.writeFileSync(path.join(fresh.data, 'presets', 'byhand.ini'), 'no preset\n');
    await until('the file', async () => (await call('presets:read', { filename: 'byhand' })).success);
    const broken = await call('llama:start-with-preset', { presetName: 'byhand' });
    assert.equal(broken.error.message, 'the preset "byhand" cannot be used, line 1: expected [section], option = value or a comment');
  } finally {
    socket.disconnect();
    await fresh.stop();
  }
});

test('models:create, update and delete are about how a model is launched', async () => {
  const live = await join();
  try {
    const made = await live.good('models:create', { model: { name: 'tiny-b', ctx_size: 640, threads: 1, batch_size: 64 } });
    assert.equal(made.model.name, 'tiny-b');
    assert.deepEqual(made.profile.options, { ctx_size: 640, threads: 1, batch_size: 64 });
    assert.equal(made.profile.source, 'database');
    const changed = await live.good('models:update', { modelId: made.model.id, updates: { ctx_size: 320, description: 'short' } });
    assert.deepEqual([changed.profile.options.ctx_size, changed.profile.options.batch_size, changed.profile.description], [320, 64, 'short']);
    const marked = await live.good('models:update', { modelId: made.model.id, updates: { is_favourite: true } });
    assert.equal(marked.model.is_favourite, true);
    assert.equal((await live.call('models:update', { modelId: made.model.id, updates: { ctx_size: 'x' } })).error.code, 'invalid');
    assert.equal((await live.call('models:create', { model: { name: 'nobody', ctx_size: 1 } })).error.code, 'not_found');
    await live.good('models:load', { modelName: 'tiny-b' });
    const props = await hearth.request('GET', '/props?model=tiny-b');
    assert.equal(props.json().default_generation_settings.n_ctx, 512, 'llama.cpp rounds 320 up');
    await live.good('models:unload', { modelName: 'tiny-b' });
    assert.deepEqual(await live.good('models:delete', { modelId: made.model.id }), { deletedId: made.model.id });
    assert.equal((await live.call('models:delete', { modelId: made.model.id })).error.code, 'not_found');
    assert.ok(fs.existsSync(path.join(hearth.models, 'tiny-b.gguf')));
    assert.equal((await ask('GET', '/api/models/tiny-b/profile')).source, 'library');
    await until('the broadcasts', () => live.told.filter(({ event, data }) => event === 'models:updated' && data.profile).length >= 3);
  } finally {
    live.socket.close();
  }
});

// A server that says what it is told to say.
class Stranger {
  static async start(hasStream) {
    const stranger = Object.assign(new Stranger(), { models: {}, streams: [], asked: 0 });
    stranger.server = http.createServer((req, res) => {
      const json = (status, body) => { res.writeHead(status, { 'Content-Type': 'application/json' }); res.end(JSON.stringify(body)); };
      if (req.headers.authorization !== 'Bearer sesame') return json(401, {});
      if (req.url === '/health') return json(200, { status: 'ok' });
      if (req.url === '/models/sse' && hasStream) {
        res.writeHead(200, { 'Content-Type': 'text/event-stream' });
        res.write(':\n\n');
        stranger.streams.push(res);
        return;
      }
      if (req.url !== '/models') return json(404, { error: { message: 'File Not Found' } });
      stranger.asked++;
      const answer = { data: Object.entries(stranger.models).map(([id, value]) => ({ id, ...(value && { status: { value } }) })) };
      if (stranger.onAsked) stranger.onAsked(() => json(200, answer)); else json(200, answer);
    }).listen(0, '127.0.0.1');
    await once(stranger.server, 'listening');
    stranger.port = stranger.server.address().port;
    return stranger;
  }

  tell(model, status, more = {}) {
    for (const stream of this.streams)
      stream.write(`data: ${JSON.stringify({ model, event: 'status_change', data: { status, ...more } })}\n\n`);
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

test('what it tells is newer than a list that was on its way', async () => {
  const stranger = await Stranger.start(true);
  try {
    stranger.models = { one: 'unloaded', two: 'loaded', 'a b': null };
    let answer;
    stranger.onAsked = (send) => { answer = send; };
    await ask('POST', '/api/llama/start?wait=1', { attach: true, port: stranger.port, api_key: 'sesame', parallel: null });
    await until('it to be asked', () => answer && stranger.streams.length > 0);
    // Not known before the list has come, and what is told meanwhile goes.
    assert.deepEqual(await states(), {});
    answer();
    await until('the list', async () => Object.keys(await states()).length === 3);
    assert.deepEqual(await states(), { one: 'unloaded', two: 'loaded', 'a b': 'loaded' });
    stranger.tell('one', 'loading', { progress: { value: 0.5 } });
    await until('the progress', async () => (await status()).models.find(({ name }) => name === 'one').progress === 0.5);
    // A list from before the end of the load comes after that.
    answer = undefined;
    stranger.models.one = 'loading';
    for (const stream of stranger.streams) stream.write('data: {"model":"*","event":"models_reload"}\n\n');
    await until('it to be asked again', () => answer);
    stranger.tell('one', 'loaded');
    await until('its word', async () => (await states()).one === 'loaded');
    answer();
    stranger.onAsked = undefined;
    stranger.tell('two', 'unloaded', { exit_code: 9 });
    await until('the failure', async () => (await states()).two === 'error');
    assert.equal((await states()).one, 'loaded');
    assert.equal((await status()).models.find(({ name }) => name === 'two').exit_code, 9);
    // The stream breaks off: it is opened anew, and the list asked for.
    const asked = stranger.asked;
    stranger.models = { one: 'unloaded' };
    for (const stream of stranger.streams.splice(0)) stream.destroy();
    await until('the list anew', async () => stranger.asked > asked && JSON.stringify(await states()) === '{"one":"unloaded"}');
    assert.ok(!JSON.stringify(await ask('GET', '/api/llama/config')).includes('sesame'));
  } finally {
    stranger.stop();
    await hearth.api('POST', '/api/llama/stop?wait=1');
    await hearth.api('DELETE', '/api/llama/config');
  }
});

test('one without a stream is asked now and then', async () => {
  const stranger = await Stranger.start(false);
  try {
    stranger.models = { one: 'loading' };
    await ask('POST', '/api/llama/start?wait=1', { attach: true, port: stranger.port, api_key: 'sesame', parallel: null });
    await until('the list', async () => (await states()).one === 'loading');
    stranger.models = { one: 'loaded' };
    await until('the change', async () => (await states()).one === 'loaded');
  } finally {
    stranger.stop();
    await hearth.api('POST', '/api/llama/stop?wait=1');
    await hearth.api('DELETE', '/api/llama/config');
  }
});

test('one that runs already is attached, read, and never ended', async () => {
  const port = await freePort();
  const found = spawn(LLAMA, ['--host', '127.0.0.1', '--port', String(port), '--models-dir', hearth.models, '-t', '1', '--ctx-size', '512'], { stdio: 'ignore' });
  const ended = once(found, 'exit');
  try {
    const nothing = await ask('POST', '/api/llama/start?wait=1', { attach: true, port: await freePort(), parallel: null }, 409);
    assert.match(nothing.message, /nothing answers/);
    await ask('POST', '/api/llama/stop?wait=1');
    await until('the stranger to answer', async () => (await request(`http://127.0.0.1:${port}`, 'GET', '/health')).status === 200);
    await ask('PUT', '/api/llama/config', { port });
    await ask('POST', '/api/llama/start?wait=1', undefined, 200);
    await until('its list', async () => Object.keys(await states()).length === 2);
    const seen = await status();
    assert.deepEqual([seen.status, seen.is_attached, seen.port, seen.pid], ['running', true, port, null]);
    assert.deepEqual(await states(), { 'tiny-a': 'unloaded', 'tiny-b': 'unloaded' });
    // It is used, and seen; it is told nothing.
    const refused = await ask('POST', '/api/models/llama-router%2Ftiny-b/load', undefined, 409);
    assert.match(refused.message, /only read/);
    assert.deepEqual(await said('llama-router/tiny-b'), ['beta two', 'tiny-b']);
    await until('its word', async () => (await states())['tiny-b'] === 'loaded');
    await hearth.kill9();
    await hearth.spawn();
    await until('it to be attached again', async () => (await states())['tiny-b'] === 'loaded');
    await ask('POST', '/api/llama/stop?wait=1');
    assert.ok(isAlive(found.pid));
    assert.equal((await status()).status, 'idle');
    await ask('POST', '/api/llama/start?wait=1');
    await hearth.stop({ keep: true });
    assert.ok(isAlive(found.pid));
    const health = await request(`http://127.0.0.1:${port}`, 'GET', '/health');
    assert.equal(health.status, 200);
    await hearth.spawn();
    await ask('POST', '/api/llama/start?wait=1');
    await until('its list again', async () => (await states())['tiny-b'] === 'loaded');
    // When it goes, nothing of it is said to be there.
    process.kill(found.pid, 'SIGKILL');
    await ended;
    await until('its end to be noticed', async () => (await status()).status === 'error' && Object.keys(await states()).length === 0);
    await ask('POST', '/api/llama/stop?wait=1', undefined, [200, 409].includes((await hearth.api('POST', '/api/llama/stop?wait=1')).status) ? 409 : 200);
  } finally {
    if (isAlive(found.pid)) process.kill(found.pid, 'SIGKILL');
  }
});
