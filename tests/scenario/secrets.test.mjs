// Tokens of the hubs: taken from where their own tools look, shown nowhere.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { HEARTH, Hearth } from './lib/hearth.mjs';

const THEIRS = 'hf_fromTheEnvironment', STORED = 'civitai_storedOverTheApi';

let hearth, env;
before(async () => {
  env = { HF_TOKEN: THEIRS, HF_ENDPOINT: 'https://mirror.test', HF_HOME: '/tmp/hearth-hf', HF_HUB_CACHE: '' };
  hearth = await Hearth.start({ env, config: 'downloads:\n  allow_http: ["127.0.0.1:9"]\n' });
});
after(() => hearth.stop());

function assertSilent(text, what) {
  for (const secret of [THEIRS, STORED]) assert.ok(!text.includes(secret), `${what} tells ${secret}`);
}

test('a foreign variable sets and pins, and is named as the origin', async () => {
  const { data } = await hearth.api('GET', '/api/settings');
  assert.equal(data['huggingface.token'].value, '***');
  assert.equal(data['huggingface.token'].pinned_by, 'environment HF_TOKEN');
  assert.equal(data['huggingface.endpoint'].value, 'https://mirror.test');
  assert.equal(data['huggingface.cache_dir'].value, '/tmp/hearth-hf/hub');
  assert.equal(data['huggingface.cache_dir'].pinned_by, 'environment HF_HOME');
  const pinned = await hearth.api('PUT', '/api/settings', { 'huggingface.token': STORED });
  assert.equal(pinned.status, 409);
  assert.match(JSON.stringify(pinned), /HF_TOKEN/);
  assertSilent(JSON.stringify(pinned), 'a refusal');
});

test('a stored token is masked, and the mask cannot be stored', async () => {
  const stored = await hearth.api('PUT', '/api/settings', { 'civitai.token': STORED });
  assert.equal(stored.status, 200);
  assert.equal(stored.data['civitai.token'].value, '***');
  assert.equal(stored.data['civitai.token'].origin, 'database');
  const masked = await hearth.api('PUT', '/api/settings', { 'civitai.token': '***' });
  assert.equal(masked.status, 422);
  const bad = await hearth.api('PUT', '/api/settings', { 'civitai.token': `${STORED}\n` });
  assert.equal(bad.status, 422);
  assertSilent(JSON.stringify([stored, masked, bad]), 'an answer');
});

test('no output tells a token', async () => {
  const show = spawnSync(HEARTH, ['config', 'show'], {
    encoding: 'utf8', timeout: 20000,
    env: { ...process.env, ...env, HEARTH_DATA_DIR: hearth.data, XDG_CONFIG_HOME: hearth.dir },
  });
  assert.equal(show.status, 0, show.stderr);
  assert.match(show.stdout, /huggingface\.token.*\*\*\*.*HF_TOKEN/);
  const { data } = await hearth.api('GET', '/api/settings');
  const logs = await hearth.api('GET', '/api/logs?limit=100');
  assert.equal(logs.status, 200);
  assertSilent(show.stdout + show.stderr, 'config show');
  assertSilent(JSON.stringify(data), 'GET /api/settings');
  assertSilent(JSON.stringify(logs), 'the log');
  assertSilent(hearth.output(), 'the daemon');
});

test('what holds a token is for its owner only', () => {
  for (const name of fs.readdirSync(hearth.data).filter((name) => name.startsWith('hearth.db')))
    assert.equal(fs.statSync(path.join(hearth.data, name)).mode & 0o077, 0, name);
});
