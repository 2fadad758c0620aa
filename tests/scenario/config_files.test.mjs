// The configuration as one document: out of one Hearth, into another.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Hearth, HEARTH, until } from './lib/hearth.mjs';

const FAKE = process.env.HEARTH_FAKE_ENGINE;
let from, to;
before(async () => {
  from = await Hearth.start({ models: { 'tiny-a': { say: 'alpha one' } } });
  to = await Hearth.start({ config: 'profiles:\n  - {name: declared, engine: command, command: ["/bin/true"]}\n' });
});
after(async () => { await from?.stop(); await to?.stop(); });

async function ask(hearth, method, target, body, status) {
  const answer = await hearth.api(method, target, body);
  assert.equal(answer.status, status, `${method} ${target}: ${JSON.stringify(answer).slice(0, 800)}`);
  return answer.data ?? answer.error;
}
const PRESET = 'LLAMA_CONFIG_VERSION = 1\r\n; kept\r\n[*]\r\nctx-size=99\r\n';
const secretless = (document) => { const { exported_at_ms: _, ...rest } = document; return rest; };

test('what is stored comes out, secrets do not', async () => {
  await ask(from, 'PUT', '/api/settings', { models_max: 7, 'huggingface.token': 'hf_secret', preload: ['x'] }, 200);
  await ask(from, 'POST', '/api/profiles', { name: 'one', engine: 'command', command: [FAKE, '--port', '${port}'], aliases: ['uno', 'ein'],
    env: { PASS: 'geheim' }, ttl_s: 60, max_concurrency: 3, restart_policy: 'never', description: 'zwei\nZeilen' }, 201);
  await ask(from, 'POST', '/api/profiles', { name: 'two', engine: 'command', command: [FAKE, '--port', '${port}'], port: 18123 }, 201);
  await ask(from, 'POST', '/api/presets', { name: 'mine', text: PRESET }, 201);
  const document = await ask(from, 'GET', '/api/config/export', undefined, 200);
  assert.equal(document.hearth_config, 1);
  assert.deepEqual(document.settings, { models_max: 7, preload: ['x'] });
  assert.deepEqual(document.left_out, ['settings.huggingface.token', 'profiles.one.env.PASS']);
  assert.equal(document.presets.mine, PRESET);
  assert.deepEqual(document.profiles.map(({ name, aliases }) => [name, aliases]), [['one', ['uno', 'ein']], ['two', []]]);
  assert.ok(!JSON.stringify(document).includes('geheim') && !JSON.stringify(document).includes('hf_secret'));
  // Loopback without a key is no admin.
  const refused = await from.request('GET', '/api/config/export?secrets=1');
  assert.equal(refused.status, 403);
  assert.ok(!refused.text.includes('hf_secret'));
  const whole = await ask(from, 'GET', '/api/config/export?secrets=1', undefined, 200);
  assert.equal(whole.settings['huggingface.token'], 'hf_secret');
  assert.deepEqual(whole.profiles[0].env, { PASS: 'geheim' });
  assert.deepEqual(whole.left_out, []);
});

test('a dry run says what would change and changes nothing', async () => {
  const document = await ask(from, 'GET', '/api/config/export?secrets=1', undefined, 200);
  const before = await ask(to, 'GET', '/api/config/export?secrets=1', undefined, 200);
  const plan = await ask(to, 'POST', '/api/config/import?dry_run=1', document, 200);
  assert.equal(plan.dry_run, true);
  assert.deepEqual(plan.changes.map(({ kind, name, action }) => `${kind} ${name} ${action}`), [
    'setting models_max update', 'setting preload update', 'setting huggingface.token update',
    'profile one create', 'profile two create', 'preset mine create']);
  assert.deepEqual(secretless(await ask(to, 'GET', '/api/config/export?secrets=1', undefined, 200)), secretless(before));
});

test('what was left out of a document stays as it is where it goes', async () => {
  const document = await ask(from, 'GET', '/api/config/export', undefined, 200);
  const before = await ask(from, 'GET', '/api/config/export?secrets=1', undefined, 200);
  const plan = await ask(from, 'POST', '/api/config/import', document, 200);
  assert.deepEqual(plan.changes, []);
  assert.deepEqual(secretless(await ask(from, 'GET', '/api/config/export?secrets=1', undefined, 200)), secretless(before));
  // A change beside it, a further variable; and what is not named there goes.
  document.profiles[0].ttl_s = 61;
  document.profiles[0].env = { MORE: 'yes' };
  const changed = await ask(from, 'POST', '/api/config/import', document, 200);
  assert.deepEqual(changed.changes, [{ kind: 'profile', name: 'one', action: 'update' }]);
  const [one] = (await ask(from, 'GET', '/api/config/export?secrets=1', undefined, 200)).profiles;
  assert.deepEqual([one.ttl_s, one.env], [61, { PASS: 'geheim', MORE: 'yes' }]);
  await ask(from, 'POST', '/api/config/import', { ...before, left_out: [] }, 200);
  const again = (await ask(from, 'GET', '/api/config/export?secrets=1', undefined, 200)).profiles[0];
  assert.deepEqual([again.ttl_s, again.env], [60, { PASS: 'geheim' }]);
});

test('all of it or nothing', async () => {
  const document = await ask(from, 'GET', '/api/config/export?secrets=1', undefined, 200);
  const before = await ask(to, 'GET', '/api/config/export?secrets=1', undefined, 200);
  const bad = async (change, status, field, says) => {
    const copy = structuredClone(document);
    change(copy);
    for (const query of ['', '?dry_run=1']) {
      const error = await ask(to, 'POST', `/api/config/import${query}`, copy, status);
      if (field) assert.equal(error.details?.[0].field, field, JSON.stringify(error));
      assert.match(error.message, says);
    }
    assert.deepEqual(secretless(await ask(to, 'GET', '/api/config/export?secrets=1', undefined, 200)), secretless(before));
    assert.ok(!fs.existsSync(path.join(to.data, 'presets', 'mine.ini')));
  };
  await bad((copy) => { copy.hearth_config = 2; }, 422, 'hearth_config', /version 1/);
  await bad((copy) => { copy.profiles[1].port = 70000; }, 422, 'profiles[1].port', /port/);
  await bad((copy) => { copy.profiles[1].nonsense = 1; }, 422, 'profiles[1].nonsense', /neither a field/);
  await bad((copy) => { copy.profiles[1].name = 'declared'; }, 409, null, /declared/);
  await bad((copy) => { copy.profiles[1].aliases = ['ein']; }, 409, null, /ein/);
  await bad((copy) => { copy.settings.models_max = -1; }, 422, 'models_max', /0 to 1000/);
  await bad((copy) => { copy.settings.host = '0.0.0.0'; }, 422, 'host', /hearth.yaml/);
  await bad((copy) => { copy.presets.mine = '[*]\nnope = 1\n'; }, 422, 'presets.mine', /line 2/);
  await bad((copy) => { copy.presets.mine = 5; }, 422, 'presets.mine', /must be text, not a whole number/);
  await bad((copy) => { copy.profiles[1] = null; }, 422, 'profiles[1]', /expected an object/);
  await bad((copy) => { copy.presets['../x'] = ''; }, 422, 'presets.../x', /name/);
  // Who may not decide what is executed cannot bring it in this way either.
  const foreign = await to.request('POST', '/api/config/import', { body: document });
  assert.equal(foreign.status, 403, foreign.text);
});

test('into another Hearth and out again, it is the same', async () => {
  const document = await ask(from, 'GET', '/api/config/export?secrets=1', undefined, 200);
  const done = await ask(to, 'POST', '/api/config/import', document, 200);
  assert.equal(done.dry_run, false);
  assert.equal(done.changes.length, 6);
  assert.deepEqual(secretless(await ask(to, 'GET', '/api/config/export?secrets=1', undefined, 200)), secretless(document));
  assert.equal(fs.readFileSync(path.join(to.data, 'presets', 'mine.ini'), 'utf8'), PRESET);
  assert.ok(!fs.existsSync(path.join(to.data, 'presets-staged')));
  assert.deepEqual((await ask(to, 'POST', '/api/config/import', document, 200)).changes, []);
  const one = await ask(to, 'GET', '/api/profiles/uno', undefined, 200);
  assert.equal(one.name, 'one');
  // What is not in the document stays; what is, changes.
  const some = await ask(to, 'POST', '/api/config/import', { hearth_config: 1, settings: { models_max: 3 },
    profiles: [{ name: 'one', ttl_s: 5 }], presets: { mine: PRESET.replace('99', '98') } }, 200);
  assert.deepEqual(some.changes.map(({ kind, action }) => `${kind} ${action}`), ['setting update', 'profile update', 'preset update']);
  await to.kill9();
  await to.spawn();
  const kept = await ask(to, 'GET', '/api/config/export?secrets=1', undefined, 200);
  assert.equal(kept.settings.models_max, 3);
  assert.deepEqual([kept.profiles[0].ttl_s, kept.profiles[0].env.PASS, kept.profiles.length], [5, 'geheim', 2]);
  assert.match(kept.presets.mine, /98/);
});

test('the same on the command line', async () => {
  const dir = fs.mkdtempSync(path.join(from.dir, 'cli-'));
  const file = path.join(dir, 'hearth.json');
  const run = (hearth, ...args) => execFileSync(HEARTH, [...args, '--data-dir', hearth.data], { encoding: 'utf8' });
  run(from, 'config', 'export', file, '--secrets');
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  assert.match(run(to, 'config', 'import', file, '--dry-run'), /would change|setting +models_max/);
  assert.match(run(to, 'config', 'import', file), /profile +one +update/);
  assert.match(run(to, 'config', 'import', file), /nothing/i);
  assert.equal(JSON.parse(run(from, 'config', 'export')).has_secrets, false);
  fs.writeFileSync(file, '{"hearth_config":9}');
  const failed = spawnSync(HEARTH, ['config', 'import', file, '--data-dir', to.data], { encoding: 'utf8' });
  assert.notEqual(failed.status, 0);
  assert.match(failed.stderr, /version 1/);
  // Presets, too.
  assert.match(run(from, 'preset', 'list'), /mine/);
  assert.equal(run(from, 'preset', 'show', 'mine'), PRESET);
  const ini = path.join(dir, 'other.ini');
  fs.writeFileSync(ini, PRESET);
  assert.match(run(from, 'preset', 'check', ini), /no problem/i);
  run(from, 'preset', 'import', ini);
  run(from, 'preset', 'import', ini, '--name', 'third');
  assert.equal(run(from, 'preset', 'show', 'other'), PRESET);
  run(from, 'preset', 'delete', 'other');
  fs.writeFileSync(ini, '[*]\nctx-siz = 1\n');
  const wrong = spawnSync(HEARTH, ['preset', 'check', ini, '--data-dir', from.data], { encoding: 'utf8' });
  assert.equal(wrong.status, 1);
  assert.match(wrong.stdout + wrong.stderr, /line 2.*ctx-siz.*is it ctx-size/s);
});

test('a file with a mistake is left out, and a long document goes in', async () => {
  const presets = path.join(from.data, 'presets');
  fs.writeFileSync(path.join(presets, 'broken.ini'), 'no preset\n');
  await until('the broken file', async () => (await from.api('GET', '/api/presets/broken')).status === 200);
  const text = `; ${'x'.repeat(60000)}\n[*]\nctx-size = 512\n`;
  for (let i = 0; i < 20; i++) await ask(from, 'PUT', `/api/presets/large-${i}`, { text }, 200);
  const document = await ask(from, 'GET', '/api/config/export', undefined, 200);
  assert.ok(document.left_out.includes('presets.broken') && !('broken' in document.presets), JSON.stringify(document.left_out));
  assert.ok(JSON.stringify(document).length > 1 << 20);
  const told = spawnSync(HEARTH, ['config', 'export', path.join(from.dir, 'all.json'), '--data-dir', from.data], { encoding: 'utf8' });
  assert.match(told.stderr, /^hearth: presets\.broken is left out: it has a mistake$/m);
  const bad = await ask(to, 'POST', '/api/config/import', { ...document, presets: { broken: 'no preset\n' } }, 422);
  assert.equal(bad.message, 'presets.broken: line 1: expected [section], option = value or a comment');
  await ask(to, 'POST', '/api/config/import', document, 200);
  const out = await ask(to, 'GET', '/api/config/export', undefined, 200);
  assert.deepEqual(out.presets, document.presets);
});
