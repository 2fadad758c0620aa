// The daemon's own life: killed, restarted, reloaded, crowded. With a real
// llama-server under it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, test } from 'node:test';
import { HEARTH, Hearth, isAlive, request, sleep, until } from './lib/hearth.mjs';

const MODELS = {
  red: { say: 'apple brick cherry ember flame' },
  green: { say: 'basil clover fern grass jade' },
  blue: { say: 'azure cobalt denim indigo lake' },
};
const BIG = { say: 'tick tock', loop: true, ctx: 65536, dim: 512, layers: 12, ffn: 2048 };
const started = [];
after(async () => { for (const hearth of started) await hearth.stop(); });
async function start(options) {
  const hearth = await Hearth.start(options);
  started.push(hearth);
  return hearth;
}
const says = (answer) => answer.json().choices[0].message.content.trim().split(/\s+/);

// Opens a streamed chat; resolves at the first byte of the body.
function openStream(hearth, model, max_tokens = 60000) {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ model, stream: true, max_tokens, messages: [{ role: 'user', content: 'hi' }] });
    const req = http.request({ host: '127.0.0.1', port: hearth.port, method: 'POST', agent: false,
      path: '/v1/chat/completions', headers: { 'Content-Type': 'application/json', 'Content-Length': body.length } });
    req.on('error', reject);
    req.on('response', (res) => {
      res.on('error', () => {});
      res.once('data', () => resolve({ req, res }));
    });
    req.end(body);
  });
}

test('killed with -9: engines stay, are found again and serve on', async () => {
  const hearth = await start({ models: MODELS });
  for (const model of ['red', 'green']) assert.equal((await hearth.chat(model)).status, 200);
  const before = { red: await hearth.server('red'), green: await hearth.server('green') };
  await hearth.kill9();
  assert.ok(isAlive(before.red.pid) && isAlive(before.green.pid), 'the engines live on');
  await hearth.spawn();
  for (const model of ['red', 'green']) {
    const row = await hearth.untilState(model, 'ready');
    assert.equal(row.pid, before[model].pid, `${model} has its pid`);
    assert.deepEqual(says(await hearth.chat(model)), MODELS[model].say.split(' '));
    assert.equal((await hearth.server(model)).pid, before[model].pid, 'no reload');
  }
  const logs = await request(hearth.base, 'GET', '/api/servers/red/logs?lines=500&follow=0', { socketPath: hearth.socket });
  assert.match(logs.text, /"line":/, 'the log goes on');

  // a crash while nobody looks is told with its status
  await hearth.kill9();
  process.kill(before.green.pid, 'SIGSEGV');
  await until('the engine to be gone', () => !isAlive(before.green.pid));
  await hearth.spawn();
  const crashed = await until('the crash to be told', async () => {
    const { data } = await hearth.api('GET', '/api/servers/green/status');
    return data.exit_signal ? data : null;
  });
  assert.equal(crashed.exit_signal, 11);
  assert.equal((await hearth.untilState('red', 'ready')).pid, before.red.pid);
});

test('an engine that no row tells of is found by its keeper and stopped', async () => {
  const hearth = await start({ models: { red: MODELS.red } });
  assert.equal((await hearth.chat('red')).status, 200);
  const { pid } = await hearth.server('red');
  await hearth.kill9();
  for (const name of fs.readdirSync(hearth.data)) {
    if (name.startsWith('hearth.db')) fs.rmSync(path.join(hearth.data, name));
  }
  await hearth.spawn();
  await until('the engine to end', () => !isAlive(pid), 10000);
  assert.deepEqual(says(await hearth.chat('red')), MODELS.red.say.split(' '));
  const { data } = await hearth.api('GET', '/api/servers');
  assert.deepEqual(data.map((row) => row.profile_name), ['red']);
});

test('a daemon that never comes back: its engines end by themselves', async () => {
  const hearth = await start({ models: { red: MODELS.red }, config: 'orphan_timeout_s: 1\n' });
  assert.equal((await hearth.chat('red')).status, 200);
  const { pid } = await hearth.server('red');
  await hearth.kill9();
  await until('the engine to end', () => !isAlive(pid), 15000);
});

test('asked to end: engines are gone; with --keep-engines they stay', async () => {
  const hearth = await start({ models: { red: MODELS.red } });
  assert.equal((await hearth.chat('red')).status, 200);
  const first = await hearth.server('red');
  assert.deepEqual(await hearth.stop({ keep: true }), { code: 0, signal: null });
  assert.ok(!isAlive(first.pid), 'the engine is gone');

  hearth.options.args = ['--keep-engines'];
  await hearth.spawn();
  assert.equal((await hearth.chat('red')).status, 200);
  const second = await hearth.server('red');
  assert.equal((await hearth.stop({ keep: true })).code, 0);
  assert.ok(isAlive(second.pid), 'the engine stays');
  hearth.options.args = [];
  await hearth.spawn();
  assert.equal((await hearth.untilState('red', 'ready')).pid, second.pid);
  await hearth.stop({ keep: true });
  assert.ok(!isAlive(second.pid));
  await hearth.spawn();
});

test('asked to end twice: it waits for nobody, and ends', async () => {
  const hearth = await start({ models: { endless: BIG } });
  await openStream(hearth, 'endless');
  const { pid } = await hearth.server('endless');
  process.kill(hearth.pid, 'SIGTERM');
  await until('it to let nobody in', () => request(hearth.base, 'GET', '/health').then(() => false, () => true));
  assert.ok(isAlive(hearth.pid), 'the stream goes on');
  const asked = Date.now();
  process.kill(hearth.pid, 'SIGINT');
  assert.deepEqual(await hearth.ended, { code: 0, signal: null });
  assert.ok(Date.now() - asked < 8000, 'it waited for the stream');
  assert.ok(!isAlive(pid));
});

test('asked to end twice at once, with nothing to wait for, it ends', async () => {
  const hearth = await start({});
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM'])
    process.kill(hearth.pid, signal);
  assert.deepEqual(await hearth.ended, { code: 0, signal: null });
});

test('a second daemon on the same data is refused by name and pid', async () => {
  const hearth = await start({ models: {} });
  const second = spawnSync(HEARTH, ['serve', '--port', '0', '--data-dir', hearth.data], { encoding: 'utf8', timeout: 20000 });
  assert.notEqual(second.status, 0);
  assert.match(second.stderr, new RegExp(`hearth serve.*${hearth.pid}`));
});

test('a bad configuration stops the start with file, line, key and reason', async () => {
  const dir = fs.mkdtempSync('/tmp/hearth-test-');
  const file = path.join(dir, 'hearth.yaml');
  for (const [text, wants] of [
    ['log_level: info\nport: abc\n', [/hearth\.yaml/, /line 2/, /port/, /abc/, /65535/]],
    ['prot: 80\n', [/line 1/, /prot/, /port/]],
    ['models_max: -3\n', [/line 1/, /models_max/, /-3/]],
    ['port: [\n', [/line/]],
    ['profiles:\n  - model_path: x.gguf\n', [/name/]],
  ]) {
    fs.writeFileSync(file, text);
    const run = spawnSync(HEARTH, ['serve', '--config', file, '--data-dir', path.join(dir, 'data')], { encoding: 'utf8', timeout: 20000 });
    assert.equal(run.status, 2, `${text} -> ${run.status}: ${run.stderr}`);
    for (const want of wants) assert.match(run.stderr, want, text);
  }
  fs.rmSync(dir, { recursive: true });
});

test('SIGHUP: a bad file keeps the old one, a good one changes only what changed', async () => {
  const hearth = await start({ models: MODELS, config: 'profiles:\n  - { name: keep, model_path: "$MODELS/red.gguf" }\n  - { name: edit, model_path: "$MODELS/green.gguf" }\n' });
  const file = path.join(hearth.dir, 'hearth.yaml');
  for (const name of ['keep', 'edit']) assert.equal((await hearth.chat(name)).status, 200);
  const keep = await hearth.server('keep');
  const good = fs.readFileSync(file, 'utf8');

  fs.writeFileSync(file, `${good}\nmodels_max: lots\n`);
  process.kill(hearth.pid, 'SIGHUP');
  await until('the complaint', () => /models_max/.test(hearth.output()));
  assert.equal((await hearth.chat('keep')).status, 200);

  fs.writeFileSync(file, good.replace('name: edit,', 'name: edit, options: { ctx_size: 512 },') + '\nmodels_max: 3\n');
  process.kill(hearth.pid, 'SIGHUP');
  await until('the new value', async () => {
    const { data } = await hearth.api('GET', '/api/settings');
    return data.models_max.value === 3;
  });
  assert.equal((await hearth.server('keep')).pid, keep.pid, 'an untouched profile runs on');
  const edited = await hearth.api('GET', '/api/servers/edit/status');
  assert.equal(edited.data.restart_required, true);

  const gone = await hearth.server('edit');
  const log = path.join(hearth.data, 'logs', `${gone.profile_id}.log`);
  assert.ok(fs.existsSync(log));
  fs.writeFileSync(file, good.replace(/.*name: edit.*\n/, ''));
  process.kill(hearth.pid, 'SIGHUP');
  await until('the engine of a profile that left the file to end', () => !isAlive(gone.pid));
  await until('its log to go', () => !fs.existsSync(log));
  assert.equal((await hearth.server('keep')).pid, keep.pid, 'an untouched profile runs on');
});

test('steady traffic on two models does not starve a third', async () => {
  const hearth = await start({ models: MODELS, config: 'models_max: 2\ndrain_after_ms: 300\n' });
  let busy = true, served = 0;
  const traffic = ['red', 'green'].flatMap((model) => [1, 2].map(async () => {
    while (busy) {
      const answer = await hearth.chat(model);
      assert.equal(answer.status, 200, answer.text);
      served++;
    }
  }));
  await sleep(500);
  const begun = Date.now();
  const answer = await hearth.chat('blue');
  busy = false;
  await Promise.all(traffic);
  assert.deepEqual(says(answer), MODELS.blue.say.split(' '));
  assert.ok(served > 4);
  assert.ok(Date.now() - begun < 15000, `waited ${Date.now() - begun} ms`);
});

test('a client that leaves: mid-stream, while loading, while queued', async () => {
  const hearth = await start({ models: { big: BIG, red: MODELS.red },
    config: 'models_max: 1\nprofiles:\n  - { name: one, model_path: "$MODELS/big.gguf", max_concurrency: 1, options: { parallel: 1 } }\n' });
  const loading = new Promise((resolve) => {
    const req = http.request({ host: '127.0.0.1', port: hearth.port, method: 'POST', path: '/v1/chat/completions',
      headers: { 'Content-Type': 'application/json' } });
    req.on('error', resolve);
    req.end(JSON.stringify({ model: 'one', messages: [{ role: 'user', content: 'hi' }] }));
    setTimeout(() => req.destroy(new Error('left')), 30);
  });
  await loading;
  const stream = await openStream(hearth, 'one');
  const queued = http.request({ host: '127.0.0.1', port: hearth.port, method: 'POST', path: '/v1/chat/completions', agent: false,
    headers: { 'Content-Type': 'application/json' } });
  queued.on('error', () => {});
  queued.end(JSON.stringify({ model: 'one', messages: [{ role: 'user', content: 'hi' }], max_tokens: 2 }));
  await until('a waiter', async () => (await hearth.server('one')).queue.waiting === 1);
  queued.destroy();
  await until('no waiter', async () => (await hearth.server('one')).queue.waiting === 0);
  stream.req.destroy();
  await until('a free slot', async () => (await hearth.server('one')).queue.active === 0);
  const answer = await hearth.chat('one', { max_tokens: 2 });
  assert.equal(answer.status, 200);
});

test('an engine does not answer strangers on its own port', async () => {
  const hearth = await start({ models: { red: MODELS.red } });
  assert.equal((await hearth.chat('red')).status, 200);
  const { port } = await hearth.server('red');
  const answer = await request(`http://127.0.0.1:${port}`, 'POST', '/v1/chat/completions', { body: { messages: [{ role: 'user', content: 'hi' }] } });
  assert.equal(answer.status, 401);
});

test('an engine inherits nothing but its three streams', async () => {
  const hearth = await start({ models: { red: MODELS.red } });
  assert.equal((await hearth.chat('red')).status, 200);
  const { pid } = await hearth.server('red');
  // What is closed between the two looks (hearth reads /proc now and then) is held by nobody.
  const target = (link) => { try { return fs.readlinkSync(link); } catch { return ''; } };
  const holds = (id) => fs.readdirSync(`/proc/${id}/fd`).map((fd) => target(`/proc/${id}/fd/${fd}`));
  const keeper = /PPid:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1];
  const others = [...holds(keeper), ...holds(hearth.pid)];
  const shared = holds(pid).filter((what) => others.includes(what) && /^(socket|\/)/.test(what) && what !== '/dev/null');
  assert.deepEqual(shared, []);
});

test('connections that send one byte a second disturb nobody', { timeout: 120000 }, async () => {
  const hearth = await start({ models: { red: MODELS.red } });
  assert.equal((await hearth.chat('red')).status, 200);
  const rss = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${hearth.pid}/status`, 'utf8'))[1]);
  const limit = Number(/Max open files\s+(\d+)/.exec(fs.readFileSync('/proc/self/limits', 'utf8'))[1]);
  const want = Math.min(10000, limit - 200);
  const sockets = [];
  const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:${hearth.port}\r\nX-Slow: ${'y'.repeat(200)}`;
  for (let i = 0; i < want; i += 500) {
    await Promise.all(Array.from({ length: Math.min(500, want - i) }, () => new Promise((resolve) => {
      const socket = net.connect(hearth.port, '127.0.0.1', () => { socket.write(head[0]); resolve(); });
      socket.on('error', resolve);
      sockets.push(socket);
    })));
  }
  const loaded = rss();
  for (let at = 1; at <= 3; at++) {
    const slowest = [];
    for (const socket of sockets) socket.write(head[at]);
    for (let i = 0; i < 5; i++) {
      const begun = Date.now();
      assert.deepEqual(says(await hearth.chat('red')), MODELS.red.say.split(' '));
      slowest.push(Date.now() - begun);
    }
    assert.ok(Math.min(...slowest) < 2000, `answers took ${slowest} ms`);
    await sleep(1000);
  }
  assert.ok(rss() - loaded < 64 * 1024, 'memory does not run away');
  for (const socket of sockets) socket.destroy();
  await until('the connections to be gone', async () => (await hearth.chat('red')).status === 200);
});
