// Pictures of every page for docs/images/, in a real browser on a real daemon:
//
//     node tests/scenario/pictures.mjs FOLDER      (./dev pictures builds first)
//
// What they show is real: tiny models that the real engine serves, an engine that
// answers slowly on command, fake hubs on loopback. Nothing but the folder given is
// written; the daemon lives in /tmp/hearth, whose paths are seen on some pages.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Browser } from './lib/browser.mjs';
import { Hearth, request, until, writeModel } from './lib/hearth.mjs';
import { Hub } from './lib/hub.mjs';

const FAKE = process.env.HEARTH_FAKE_ENGINE;
const folder = process.argv[2];
assert.ok(folder && FAKE && process.env.HEARTH_LLAMA_SERVER,
  'usage: HEARTH_BIN=... HEARTH_LLAMA_SERVER=... HEARTH_FAKE_ENGINE=... node pictures.mjs FOLDER');
const DIR = '/tmp/hearth';
assert.ok(!fs.existsSync(DIR), `${DIR} is there already`);
// Where the engine lies on this machine is nobody's business.
const engine = path.join(DIR, 'bin', 'llama-server');
fs.mkdirSync(path.dirname(engine), { recursive: true });
fs.writeFileSync(engine, `#!/bin/sh\nexec '${process.env.HEARTH_LLAMA_SERVER}' "$@"\n`, { mode: 0o755 });
process.env.HEARTH_LLAMA_SERVER = engine;
const SIZE = { width: 1280, height: 800 };
const SAY = 'Fire needs fuel, air and heat: take one away, it ends at once.';

const fake = (name, flags, more = {}) => ({ name, engine: 'command', restart_policy: 'never',
  command: [FAKE, '--port', '${port}', ...flags], ...more });
const profiles = [
  fake('reasoner', ['--words', '<think> They ask for a list, so a short one will do. </think> Three things keep a **fire** going:\\n\\n' +
    '1. fuel\\n2. air\\n3. heat\\n\\n```python\\ndef burns(fuel, air, heat):\\n    return fuel and air and heat\\n```\\n']),
  fake('slow', ['--chunks', '4000', '--chunk-delay-ms', '40'], { max_concurrency: 1 }),
  fake('vision-72b', ['--exit-at-start', '1']),
];

const browser = await Browser.start();
const hub = await Hub.open({ civitai: { models: [] } });
const hearth = await Hearth.start({ dir: DIR, env: hub.env,
  models: { 'coder-q8_0': { say: SAY, ctx: 8192, type: 'Q8_0' }, 'assistant-f16': { say: SAY, loop: true, ctx: 4096, type: 'F16' },
    'writer-q4_0': { say: SAY, type: 'Q4_0' } },
  config: `profiles:\n${profiles.map((row) => `  - ${JSON.stringify(row)}\n`).join('')}` });

async function fillHub() {
  const made = (options) => {
    const file = path.join(DIR, 'made.gguf');
    writeModel(file, { say: 'one two three', force: true, ...options });
    const bytes = fs.readFileSync(file);
    fs.rmSync(file);
    return bytes;
  };
  const add = (id, files, more) => {
    hub.huggingface.repos[id] = { files, tags: ['gguf', 'text-generation'], library: 'gguf', ...more };
    hub.huggingface.complete(id, hub.huggingface.repos[id]);
  };
  const large = { dim: 1024, ffn: 4096, layers: 1, heads: 16 };
  add('hearth-models/ember-GGUF', { 'ember-Q8_0.gguf': made({ ...large, type: 'Q8_0' }), 'ember-Q4_0.gguf': made({ ...large, type: 'Q4_0' }),
    'ember-F16.gguf': made({ ...large, type: 'F16' }) }, { downloads: 48_211, likes: 312 });
  add('hearth-models/kindling-GGUF', { 'kindling-Q8_0.gguf': made({ type: 'Q8_0' }) }, { downloads: 9_120, likes: 44 });
  add('other/spark-GGUF', { 'spark-Q8_0.gguf': made({ type: 'Q8_0' }) }, { gated: 'manual', downloads: 2_011 });
}

const chat = (model, extra = {}) => hearth.request('POST', '/v1/chat/completions',
  { body: { model, messages: [{ role: 'user', content: 'What is a hearth?' }], max_tokens: 24, ...extra } });

async function work() {
  for (let i = 0; i < 6; i += 1) {
    await chat('coder-q8_0', { stream: true });
    await chat('assistant-f16', { max_tokens: 60 + 20 * i });
  }
  await chat('reasoner', { stream: true });
  await chat('nobody');
  await chat('vision-72b').catch(() => {});
  // Two that go on while the pictures are made: one at work, one in the queue.
  for (let i = 0; i < 2; i += 1) chat('slow', { stream: true }).catch(() => {});
  await until('both', async () => (await hearth.api('GET', '/api/activity/active')).data.length === 2);
}

async function picture(name, at, ready, { theme = 'light', size = SIZE, page: given } = {}) {
  const page = given ?? await browser.signIn(hearth, { at, theme, size, reducedMotion: true });
  await ready(page);
  fs.mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
  await page.context().close();
}
const seen = (text) => (page) => page.getByText(text).first().waitFor();

async function say(page) {
  await page.getByRole('textbox', { name: 'Message' }).fill('What keeps a fire going?');
  await until('the connection', async () => (await page.getByRole('button', { name: 'Send', exact: true }).getAttribute('aria-disabled')) === null);
  await page.getByRole('textbox', { name: 'Message' }).press('Enter');
  await until('the answer', async () => (await page.getByRole('article', { name: /^Answer/ }).last().getAttribute('data-state')) === 'done');
}

try {
  const empty = await Hearth.start({ dir: `${DIR}-empty`, env: hub.env });
  const first = await browser.open(empty.base, { at: '/', size: SIZE });
  await picture('first-run', '/', (page) => page.getByRole('heading', { level: 1 }).waitFor(), { page: first });
  await empty.stop();

  await fillHub();
  await hearth.api('POST', '/api/presets', { name: 'small', text: '; for a small machine\nLLAMA_CONFIG_VERSION = 1\n\n[*]\nctx-size = 4096\nbatch-size = 512\n\n[coder-q8_0]\ntemp = 0.2\ntop-p = 0.9\n' });
  const { data: key } = await hearth.api('POST', '/api/keys', { name: 'laptop', scope: 'inference' });
  await work();
  await request(hearth.base, 'POST', '/v1/chat/completions', { headers: { Authorization: `Bearer ${key.secret}` },
    body: { model: 'coder-q8_0', messages: [{ role: 'user', content: 'hi' }], max_tokens: 16 } });
  const { data: models } = await hearth.api('GET', '/api/models');
  const coder = models.find(({ name }) => name.startsWith('coder'));
  const server = (await hearth.server('reasoner')).profile_id;

  await picture('models', `/models?model=${coder.id}`, (page) => page.locator('.drawer').getByText('Fits', { exact: true }).first().waitFor());
  await picture('servers', '/servers', seen('vision-72b'));
  await picture('profile', `/servers/new?model=${coder.id}`, seen('Fits'));
  await picture('chat', '/chat?model=reasoner', say, { theme: 'dark' });
  await picture('activity', '/activity', seen('Answering'));
  await picture('presets', '/presets?name=small', seen('No problem found'));
  await picture('logs', '/logs', (page) => page.locator('.line').nth(5).waitFor(), { theme: 'dark' });
  await picture('settings', '/settings?section=records', seen('Least level'));
  await picture('configuration', '/configuration', seen('Models at once'));
  await picture('discover', '/discover?q=ember', async (page) => {
    await page.getByRole('button', { name: 'hearth-models/ember-GGUF', exact: true }).click();
    await until('the fits', async () => (await page.getByText('Fits', { exact: true }).count()) > 2);
  });
  hub.huggingface.pace = { bytes: 64 * 1024, ms: 40 };
  await hearth.api('POST', '/api/models/download', { source: 'huggingface', model_id: 'hearth-models/kindling-GGUF', variant: 'Q8_0' });
  await hearth.api('POST', '/api/models/download', { source: 'huggingface', model_id: 'hearth-models/ember-GGUF', variant: 'F16', limit_bytes_per_s: 500_000 });
  await picture('downloads', '/downloads', seen('Downloading'));
  await picture('monitoring', '/monitoring?range=15m', async (page) => {
    await page.getByRole('region', { name: 'CPU', exact: true }).getByRole('figure').waitFor();
    // A minute and a half of ups and downs, so that there are lines to see.
    for (const end = Date.now() + 90_000; Date.now() < end;)
      await chat('assistant-f16', { max_tokens: Math.ceil(2000 * Math.random()) });
  });
  for (const theme of ['light', 'dark']) await picture(`dashboard-${theme}`, '/', seen('slow'), { theme });
  await picture('palette', '/', async (page) => {
    await seen('slow')(page);
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Command' }).fill('coder');
  }, { theme: 'dark' });
  await picture('narrow', '/', seen('slow'), { theme: 'dark', size: { width: 390, height: 844 } });
} finally {
  await browser.stop();
  await hearth.stop();
  await hub.close();
}
