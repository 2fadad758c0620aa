// The command line against the real daemon, and every kind of demo model in
// the real engine.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { HEARTH, Hearth, until } from './lib/hearth.mjs';

const WORDS = 'Say: «café», <b> 你好 and "stop" .';
const KINDS = ['llama', 'qwen2', 'qwen3'].flatMap((arch) =>
  ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0'].map((type) => ({ arch, type })));
const ENGINE = path.dirname(process.env.HEARTH_LLAMA_SERVER ?? '/usr/bin/llama-server');
const NOT_RUNNING = 3, NOT_FOUND = 4, REFUSED = 5, CONFLICT = 6;

let hearth;
before(async () => {
  const models = { endless: { say: 'tick tock', loop: true, ctx: 65536 } };
  for (const kind of KINDS) models[`${kind.arch}-${kind.type}`] = { say: WORDS, ...kind };
  hearth = await Hearth.start({ models });
});
after(() => hearth.stop());

// Resolves to {code, out, err}.
function hearthCommand(args, { env = {}, input, dir = hearth.data } = {}) {
  return new Promise((resolve) => {
    const child = execFile(HEARTH, args, {
      env: { ...process.env, HEARTH_DATA_DIR: dir, HEARTH_API_KEY: '', HEARTH_URL: '',
             XDG_CONFIG_HOME: hearth.dir, PATH: `${ENGINE}:${process.env.PATH}`, ...env },
    }, (error, out, err) => resolve({ code: error ? error.code : 0, out, err }));
    child.stdin.end(input ?? '');
  });
}
async function ok(...args) {
  const done = await hearthCommand(args);
  assert.equal(done.code, 0, `hearth ${args.join(' ')}: ${done.err}`);
  return done.out;
}
const json = async (...args) => JSON.parse(await ok(...args, '--json'));

test('every kind of demo model says its words', async () => {
  for (const { arch, type } of KINDS)
    assert.equal(await ok('run', `${arch}-${type}`, 'hello'), `${WORDS}\n`);
});

test('run takes a prompt through a pipe and bounds the answer', async () => {
  const done = await hearthCommand(['run', 'endless', '-n', '5'], { input: 'hi\n' });
  assert.deepEqual(done, { code: 0, out: 'tick tock tick tock tick\n', err: '' });
  assert.equal((await hearthCommand(['run', 'nobody', 'hi'])).code, NOT_FOUND);
});

test('Ctrl-C ends an answer', async () => {
  const child = spawn(HEARTH, ['run', 'endless', 'hi'],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, HEARTH_DATA_DIR: hearth.data } });
  await once(child.stdout, 'data');
  child.stdout.resume();
  child.kill('SIGINT');
  assert.deepEqual(await once(child, 'exit'), [130, null]);
  await until('the slot to be free', async () => (await hearth.server('endless')).queue.active === 0);
});

test('start, ps, logs, restart, stop', async () => {
  const name = 'llama-F32';
  await hearthCommand(['stop', name]);
  assert.match(await ok('start', name), /^llama-F32 is ready \(pid \d+, port \d+\)\n$/);
  assert.match(await ok('start', name), /^llama-F32 is already ready \(pid \d+, port \d+\)\n$/);
  const [row] = (await json('ps')).filter((server) => server.profile_name === name);
  assert.equal(row.state, 'ready');
  assert.match(await ok('ps'), /NAME +STATE +PID/);
  assert.match(await ok('logs', name, '-n', '500'), /model loaded/);
  assert.match(await ok('restart', name), /is ready/);
  assert.notEqual((await json('ps')).find((server) => server.profile_name === name).pid, row.pid);
  assert.match(await ok('stop', name), /^llama-F32 is stopped/);
  assert.equal(await ok('stop', name), 'llama-F32 is not running\n');
  assert.ok(!(await ok('ps')).includes(name));
  assert.equal((await hearthCommand(['start', 'nobody'])).code, NOT_FOUND);
});

test('logs -f goes on until the server stops', async () => {
  await ok('start', 'llama-F16');
  const following = hearthCommand(['logs', '-f', '-n', '0', 'llama-F16']);
  await ok('run', 'llama-F16', 'hello');
  await ok('stop', 'llama-F16');
  const done = await following;
  assert.equal(done.code, 0);
  assert.ok(done.out.length > 0);
});

test('profiles are made, changed, copied and deleted', async () => {
  const file = path.join(hearth.models, 'qwen3-Q4_0.gguf');
  await ok('profile', 'create', 'p', `model_path=${file}`, 'aliases=pp', 'options.ctx_size=256');
  await ok('profile', 'set', 'p', 'ttl_s=60');
  const profile = await json('profile', 'show', 'p');
  assert.deepEqual([profile.ttl_s, profile.aliases, profile.options], [60, ['pp'], { ctx_size: 256 }]);
  assert.equal(await ok('run', 'pp', 'hello'), `${WORDS}\n`);
  await ok('profile', 'duplicate', 'p', 'q');
  assert.deepEqual((await json('profile', 'list')).map((row) => row.name), ['p', 'q']);
  assert.equal((await hearthCommand(['profile', 'duplicate', 'p', 'q'])).code, CONFLICT);
  const bad = await hearthCommand(['profile', 'set', 'p', 'port=70000', 'options.ctx_size=many']);
  assert.equal(bad.code, 2);
  assert.match(bad.err, /port: [^]*options\.ctx_size: /);
  for (const name of ['p', 'q']) await ok('profile', 'delete', name);
  assert.match(await ok('profile', 'list'), /There are no profiles/);
});

test('keys open the TCP address until they are revoked', async () => {
  const url = ['--url', hearth.base];
  const { id, secret } = await json('key', 'create', '--name', 'test', '--scope', 'read');
  const env = { HEARTH_API_KEY: secret };
  assert.equal((await hearthCommand(['ps', ...url], { env })).code, 0);
  assert.equal((await hearthCommand(['stop', 'endless', ...url], { env })).code, REFUSED);
  assert.equal((await hearthCommand(['key', 'list', ...url])).code, REFUSED);
  await ok('key', 'revoke', id);
  assert.equal((await hearthCommand(['ps', ...url], { env })).code, REFUSED);
  assert.ok(!(await ok('key', 'list')).includes(secret));
});

test('status, open, config and doctor', async () => {
  assert.match(await ok('status'), new RegExp(`is running \\(pid ${hearth.pid}, `));
  assert.match(await ok('open', '--print'), /^http:\/\/127\.0\.0\.1:\d+\/\?link=hl_/);
  const settings = await json('config', 'show');
  assert.deepEqual([settings.port.value, settings.port.origin], [hearth.port, 'flag']);
  const checks = await json('doctor');
  assert.equal(checks.find((row) => row.check === 'daemon').status, 'ok');
  assert.ok(checks.some((row) => row.check === 'engine' && row.status === 'ok'));
});

test('without a daemon keys can be made and the rest says how to start it', async () => {
  const dir = path.join(hearth.dir, 'other');
  const made = await hearthCommand(['key', 'create'], { dir });
  assert.equal(made.code, 0);
  assert.match(made.out, /^hk_[\w-]{43}\n$/);
  assert.equal(fs.statSync(path.join(dir, 'hearth.db')).mode & 0o777, 0o600);
  const asked = await hearthCommand(['ps'], { dir });
  assert.deepEqual(asked, { code: NOT_RUNNING, out: '',
                            err: 'hearth is not running. Start it with: hearth serve\n' });
});
