// The form of a server in a real browser: a model is chosen, what it takes and
// what it is started with is seen, wrong values are refused where they stand,
// it is saved, started, changed in one window and seen in another.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import { Hearth, until } from './lib/hearth.mjs';
import { Hub } from './lib/hub.mjs';

const FAKE = process.env.HEARTH_FAKE_ENGINE;
const LLAMA = process.env.HEARTH_LLAMA_SERVER;

let browser;
let hearth;
before(async () => {
  browser = await Browser.start();
  hearth = await Hearth.start({ models: { tiny: { say: 'Hello' }, other: { say: 'Bye' } } });
});
after(async () => {
  await browser?.stop();
  await hearth?.stop();
});

const open = (at, options = {}) => browser.open(hearth.base, { at, ...options });
const ask = async (method, target, body) => (await hearth.api(method, target, body)).data;
const profile = async (name) => (await ask('GET', '/api/profiles')).find((row) => row.name === name);
const title = (page, text) => page.getByRole('heading', { level: 1, name: text, exact: true }).waitFor();
const command = (page) => page.getByRole('group', { name: 'Command line' });
const button = (page, name) => page.getByRole('button', { name, exact: true });
async function close(...pages) {
  for (const page of pages) {
    page.quiet();
    await page.context().close();
  }
}

test('a server is made: detected, weighed, refused, put right, saved, started', async () => {
  const page = await open('/servers');
  await page.getByRole('link', { name: 'New server' }).click();
  await title(page, 'New server');
  const name = page.getByLabel('Name', { exact: true });
  const model = page.getByRole('combobox', { name: 'Model', exact: true });
  const { port } = await ask('GET', '/api/profiles/next-port');
  await until('the next free port', async () => await page.getByLabel('Port', { exact: true }).inputValue() === String(port));
  await model.click();
  await page.getByRole('listbox', { name: 'Models' }).getByRole('option').nth(1).waitFor();
  await model.fill('tin');
  await page.getByRole('option', { name: /tiny/ }).click();
  assert.equal(await model.inputValue(), path.join(hearth.models, 'tiny.gguf'));
  await until('a name', async () => await name.inputValue() === 'tiny');

  // The fit and the command line follow what is typed.
  const fit = page.getByRole('region', { name: 'Memory fit' });
  await fit.getByText('Fits').waitFor();
  const context = page.getByLabel('Context size', { exact: true });
  await context.fill('512');
  await fit.getByText('512 tokens, 4 slots').waitFor();
  await command(page).locator('.new').getByText('--ctx-size 512').waitFor();
  await page.getByText('Changed 1').waitFor();

  // A number beyond its bound is told at its row; nothing is sent.
  const parallel = page.getByLabel('Parallel', { exact: true });
  await parallel.fill('5000');
  await page.getByText('At most 1\u2009024.').waitFor();
  assert.match(await button(page, 'Save').getAttribute('title'), /1 value to put right/);
  await command(page).locator('.e').getByText('5000').waitFor();
  await parallel.fill('2');
  await command(page).locator('.new').getByText('--parallel 2').waitFor();
  assert.equal(await command(page).locator('.e').count(), 0);
  await fit.getByText('512 tokens, 2 slots').waitFor();

  // What only the server knows is told at its field, too, and the field has the focus.
  await name.fill('');
  await until('the touched name to stay empty', async () => await name.inputValue() === '');
  await button(page, 'Save').click();
  await page.getByRole('alert').waitFor();
  await until('the focus', () => name.evaluate((field) => field === document.activeElement));
  assert.equal(await name.getAttribute('aria-invalid'), 'true');
  await page.shot('profile-refused');
  await name.fill('coder');
  page.forgetNoise(); // the browser itself reports the 422

  await button(page, 'Save and start').click();
  await title(page, 'Servers');
  const card = page.getByRole('article').filter({ has: page.getByRole('heading', { name: 'coder' }) });
  await card.getByText('coder').first().waitFor();
  if (LLAMA) await card.getByText('Ready').waitFor();
  const made = await profile('coder');
  assert.deepEqual(made.options, { ctx_size: 512, parallel: 2 });
  assert.equal(made.port, port);
  await close(page);
});

test('what is saved in one window is seen in the other; the same field twice is asked about', async () => {
  const { id } = await profile('coder');
  const [page, other] = [await open(`/servers/${id}/edit`), await open('/servers')];
  await title(page, 'Edit coder');
  await other.getByRole('link', { name: 'Edit coder' }).click();
  await title(other, 'Edit coder');
  assert.match(await button(page, 'Save').getAttribute('title'), /Nothing was changed/);

  const context = (of) => of.getByLabel('Context size', { exact: true });
  await context(page).fill('768');
  await page.keyboard.press('Control+s');
  await page.getByText('Saved', { exact: true }).waitFor();
  await until('the other window', async () => await context(other).inputValue() === '768');
  if (LLAMA) {
    await hearth.untilState('coder', 'ready');
    await page.getByText('coder runs with what was saved before').waitFor();
    await button(other, 'Restart it').click();
    await page.getByText('coder runs with what was saved before').waitFor({ state: 'detached' });
    await hearth.untilState('coder', 'ready');
  }

  // Asked for again while one is under way: what was typed since follows it.
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route(`**/api/profiles/${id}`, async (route) => {
    await held;
    await route.continue();
  });
  const sent = [];
  page.on('request', (one) => one.method() === 'PUT' && sent.push(one.postDataJSON().options.ctx_size));
  await context(page).fill('832');
  await page.keyboard.press('Control+s');
  await until('the first to be sent', () => sent.length === 1);
  await context(page).fill('896');
  await page.keyboard.press('Control+s');
  release();
  await until('both', () => sent.length === 2);
  await until('the other window', async () => await context(other).inputValue() === '896');
  await page.getByText('Saved', { exact: true }).waitFor();
  assert.deepEqual(sent, [832, 896]);
  await page.unroute(`**/api/profiles/${id}`);

  // Different fields are both kept.
  await other.getByLabel('Aliases').fill('gpt-4o');
  await other.getByLabel('Aliases').press('Enter');
  await context(page).fill('1024');
  await button(page, 'Save').click();
  await page.getByText('Saved', { exact: true }).waitFor();
  await button(other, 'Save').click();
  await other.getByText('Saved', { exact: true }).waitFor();
  let stored = await profile('coder');
  assert.deepEqual([stored.options, stored.aliases], [{ ctx_size: 1024, parallel: 2 }, ['gpt-4o']]);

  // The same one is nobody's without a word.
  await context(other).fill('256');
  await ask('PUT', `/api/profiles/${id}`, { options: { ctx_size: 2048, parallel: 2 } });
  await other.getByText('coder was changed elsewhere meanwhile').waitFor();
  assert.match(await button(other, 'Save').getAttribute('title'), /which values hold/);
  assert.equal(await context(other).inputValue(), '256');
  await other.accessible('changed elsewhere');
  await button(other, 'Show what is there now').click();
  assert.equal(await context(other).inputValue(), '2\u2009048');
  await context(other).fill('256');
  await ask('PUT', `/api/profiles/${id}`, { options: { ctx_size: 512, parallel: 2 } });
  await button(other, 'Keep what is here').click();
  await button(other, 'Save').click();
  await until('the value that was kept', async () => (await profile('coder')).options.ctx_size === 256);
  await close(page, other);
});

test('what is not saved is asked about, then left', async () => {
  const { id } = await profile('coder');
  const page = await open(`/servers/${id}/edit?show=all`);
  const seed = page.getByLabel('Seed', { exact: true });
  await seed.fill('7');
  page.once('dialog', (dialog) => dialog.dismiss());
  await page.getByRole('link', { name: 'Dashboard' }).first().click();
  assert.equal(await seed.inputValue(), '7');
  await page.getByRole('button', { name: 'Back to the default of Seed' }).click();
  await until('nothing to save', async () => /Nothing was changed/.test(await button(page, 'Save').getAttribute('title')));
  await seed.fill('8');
  page.once('dialog', (dialog) => dialog.accept());
  await page.getByRole('link', { name: 'Dashboard' }).first().click();
  await title(page, 'Dashboard');
  assert.equal((await profile('coder')).options.seed, undefined);
  await close(page);
});

test('what is typed outlives its server, and makes it anew with all of it', async () => {
  const options = { ctx_size: 512, parallel: 2, seed: 5, temp: 0.5, jinja: true };
  const more = { model_path: path.join(hearth.models, 'tiny.gguf'), aliases: ['gpt-4o-gone'], description: 'For tests',
    ttl_s: 77, pinned: true, restart_policy: 'never', queue_size: 9, port: 0 };
  const make = async () => (await ask('POST', '/api/profiles', { name: 'gone', options, ...more })).id;
  const remove = (id) => ask('DELETE', `/api/profiles/${id}?wait=true`);
  const notice = (of) => of.getByText('gone was deleted elsewhere meanwhile');
  const context = (of) => of.getByLabel('Context size', { exact: true });
  let id = await make();
  const [page, other] = [await open(`/servers/${id}/edit`), await open(`/servers/${id}/edit`)];
  await context(page).fill('768');
  await title(other, 'Edit gone');
  await context(other).waitFor();
  await remove(id);
  await notice(page).waitFor();
  await other.getByText('There is no such server').waitFor(); // nothing was typed there
  other.forgetNoise(); // the 404
  assert.equal(await context(page).inputValue(), '768');
  for (const name of ['Duplicate gone', 'Delete gone'])
    assert.match(await button(page, name).getAttribute('title'), /It was deleted elsewhere/);
  await button(page, 'Save and start').waitFor();
  await command(page).getByText('--ctx-size 768').waitFor();
  await page.accessible('deleted elsewhere');
  await page.shot('profile-gone');
  page.once('dialog', (dialog) => dialog.dismiss());
  await page.getByRole('link', { name: 'Dashboard' }).first().click();
  await button(page, 'Save').click();
  await title(page, 'Servers');
  await other.goto(`${hearth.base}/servers`);
  await other.getByRole('article').filter({ hasText: 'gone' }).waitFor();
  const anew = await profile('gone');
  assert.notEqual(anew.id, id);
  assert.deepEqual(anew.options, { ...options, ctx_size: 768 });
  assert.deepEqual(Object.fromEntries(Object.keys(more).map((key) => [key, anew[key]])), more);

  // Another made it again under its name: that is told, and another name is good.
  ({ id } = anew);
  await page.goto(`${hearth.base}/servers/${id}/edit`);
  await context(page).fill('832');
  await remove(id);
  await notice(page).waitFor();
  id = await make();
  await button(page, 'Save').click();
  await until('the refusal', async () => await page.getByLabel('Name', { exact: true }).getAttribute('aria-invalid') === 'true');
  page.forgetNoise(); // the 422
  await page.getByLabel('Name', { exact: true }).fill('gone-2');
  await page.getByRole('button', { name: 'Remove alias gpt-4o-gone' }).click();
  await button(page, 'Save').click();
  await title(page, 'Servers');
  assert.deepEqual((await profile('gone-2')).options, { ...options, ctx_size: 832 });
  assert.equal((await profile('gone')).id, id);

  // Deleted while a change of it is on its way.
  await page.goto(`${hearth.base}/servers/${id}/edit`);
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route(`**/api/profiles/${id}`, async (route) => {
    await held;
    await route.continue();
  });
  const put = page.waitForRequest((request) => request.method() === 'PUT');
  await context(page).fill('896');
  await button(page, 'Save').click();
  await put;
  await remove(id);
  release();
  await notice(page).waitFor();
  await until('the answer', async () => await button(page, 'Save').isEnabled());
  page.forgetNoise(); // the 404
  assert.equal(await context(page).inputValue(), '896');
  await button(page, 'Save').click();
  await title(page, 'Servers');
  const last = await profile('gone');
  assert.equal(last.options.ctx_size, 896);

  // Let go, it is as one that is not there; deleted from here, nothing is said of it.
  await page.goto(`${hearth.base}/servers/${last.id}/edit`);
  await context(page).fill('1024');
  await remove(last.id);
  await notice(page).waitFor();
  await button(page, 'Undo all').click();
  await page.getByText('There is no such server').waitFor();
  page.forgetNoise(); // the 404
  await make();
  for (const [name, isTyped] of [['gone', false], ['gone-2', true]]) {
    await page.goto(`${hearth.base}/servers/${(await profile(name)).id}/edit`);
    await context(page).waitFor();
    if (isTyped) await context(page).fill('1024');
    await page.evaluate(() => {
      window.seen = [];
      new MutationObserver(() => {
        for (const text of ['was deleted elsewhere', 'There is no such server'])
          if (document.body.textContent.includes(text)) window.seen.push(text);
      }).observe(document.body, { childList: true, subtree: true, characterData: true });
    });
    await button(page, `Delete ${name}`).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete it' }).click();
    await title(page, 'Servers');
    assert.deepEqual(await page.evaluate(() => window.seen), []);
  }
  await close(page, other);
});

test('what is typed on while a new server is saved is not left behind', async () => {
  const page = await open('/servers/new');
  const context = page.getByLabel('Context size', { exact: true });
  const sent = [];
  page.on('request', (one) => one.url().includes('/api/profiles') && ['POST', 'PUT'].includes(one.method()) && !one.url().endsWith('preview') && sent.push(one.method()));
  // Holds the next POST that makes one, until it is let go.
  const hold = async () => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await page.route('**/api/profiles', async (route) => {
      await held;
      await route.continue();
    }, { times: 1 });
    return release;
  };
  const fill = async (name) => {
    await page.getByText('next free').waitFor();
    await page.getByRole('combobox', { name: 'Model', exact: true }).fill('other');
    await page.getByRole('option', { name: /other/ }).click();
    await page.getByLabel('Name', { exact: true }).fill(name);
    await context.fill('512');
  };

  // Saved once: the form goes on with what was made, and says what is not saved.
  await fill('quick');
  let release = await hold();
  await page.keyboard.press('Control+s');
  await until('the POST', () => sent.length === 1);
  await context.fill('640');
  release();
  await title(page, 'Edit quick');
  await page.getByText('quick was saved').waitFor();
  await page.getByText('Not saved', { exact: true }).waitFor();
  const { id, options } = await profile('quick');
  assert.deepEqual([options, await context.inputValue()], [{ ctx_size: 512 }, '640']);
  assert.equal(new URL(page.url()).pathname, `/servers/${id}/edit`);
  page.once('dialog', (dialog) => dialog.dismiss());
  await page.getByRole('link', { name: 'Dashboard' }).first().click();
  await button(page, 'Save').click();
  await title(page, 'Servers');
  assert.deepEqual([sent, (await profile('quick')).options], [['POST', 'PUT'], { ctx_size: 640 }]);

  // Saved twice: the second follows the first, then it is left.
  sent.length = 0;
  await page.getByRole('link', { name: 'New server' }).click();
  await title(page, 'New server');
  await fill('quicker');
  release = await hold();
  await page.keyboard.press('Control+s');
  await until('the POST', () => sent.length === 1);
  await context.fill('704');
  await page.keyboard.press('Control+s');
  release();
  await title(page, 'Servers');
  assert.deepEqual([sent, (await profile('quicker')).options], [['POST', 'PUT'], { ctx_size: 704 }]);
  for (const name of ['quick', 'quicker']) await ask('DELETE', `/api/profiles/${name}?wait=true`);
  await close(page);
});

test('by the keyboard alone: palette, model, option found by its flag, saved', async () => {
  const page = await open('/');
  await page.getByText(/^Live · Hearth/).first().waitFor();
  const type = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
  await type('Control+k');
  await page.keyboard.type('new server');
  await type('Enter');
  await title(page, 'New server');
  await page.getByText('next free').waitFor();
  await page.getByLabel('Name', { exact: true }).focus();
  await type('Tab');
  if (await page.getByLabel('Engine', { exact: true }).isEnabled()) await type('Tab');
  const model = page.getByRole('combobox', { name: 'Model', exact: true });
  assert.ok(await model.evaluate((field) => field === document.activeElement));
  await page.keyboard.type('other');
  await page.getByRole('option', { name: /other/ }).waitFor();
  await page.accessible('the models to choose from');
  await type('Escape'); // closes the list, not the page
  await page.keyboard.type('other');
  await page.getByRole('option', { name: /other/ }).waitFor();
  await type('Enter');
  assert.equal(await model.inputValue(), path.join(hearth.models, 'other.gguf'));
  await until('a name', async () => await page.getByLabel('Name', { exact: true }).inputValue() === 'other');
  await model.blur();
  await type('/');
  await page.keyboard.type('--mlock nothing');
  await page.getByText('Nothing matches').waitFor();
  await type('Escape');
  await page.keyboard.type('--seed');
  const seed = page.getByLabel('Seed', { exact: true });
  await seed.waitFor();
  assert.equal(await page.getByLabel('Context size', { exact: true }).count(), 0);
  assert.equal(new URL(page.url()).searchParams.get('q'), '--seed');
  await seed.focus();
  await page.keyboard.type('42');
  await type('Control+s');
  await title(page, 'Servers');
  assert.deepEqual((await profile('other')).options, { seed: 42 });
  await close(page);
});

test('a model of the library gets a profile of its own; ?model= begins with one', async () => {
  await ask('DELETE', '/api/profiles/other');
  const { id } = (await ask('GET', '/api/models')).find((model) => model.name === 'other');
  const page = await open(`/servers/new?model=${id}`);
  await until('the model', async () => await page.getByRole('combobox', { name: 'Model', exact: true }).inputValue() === path.join(hearth.models, 'other.gguf'));
  await page.goto(`${hearth.base}/servers/${id}/edit`);
  await title(page, 'Edit other');
  assert.ok(await page.getByLabel('Name', { exact: true }).isDisabled());
  await page.getByLabel('Threads', { exact: true }).fill('1');
  await button(page, 'Save').click();
  await title(page, 'Servers');
  const stored = await profile('other');
  assert.deepEqual([stored.source, stored.options], ['database', { threads: 1 }]);

  await page.goto(`${hearth.base}/servers/${stored.id}/edit`);
  await button(page, 'Duplicate other').click();
  await page.getByLabel('Name of the copy').fill('other');
  await button(page, 'Make the copy').click();
  await page.getByRole('dialog').getByRole('alert').filter({ hasText: 'other' }).waitFor();
  page.forgetNoise(); // the browser itself reports the 409
  await page.getByLabel('Name of the copy').fill('copy');
  await button(page, 'Make the copy').click();
  await title(page, 'Edit copy');
  await button(page, 'Delete copy').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete it' }).click();
  await title(page, 'Servers');
  assert.equal(await profile('copy'), undefined);
  await page.goto(`${hearth.base}/servers/other/edit`); // by its name
  await page.waitForURL(`**/servers/${stored.id}/edit`);
  await title(page, 'Edit other');
  await page.goto(`${hearth.base}/servers/copy/edit`);
  await page.getByText('There is no such server').waitFor();
  page.forgetNoise(); // the 404
  await close(page);
});

test('a command of one\'s own needs to be signed in for; then it is made and started', async () => {
  const plain = await open('/servers/new');
  await plain.getByText(/Decides what is executed/).first().waitFor();
  assert.ok(await plain.getByLabel('Engine', { exact: true }).isDisabled());
  await close(plain);

  const { url } = await ask('POST', '/api/session/link');
  const page = await open(new URL(url).pathname + new URL(url).search);
  await page.getByText(/^Live · Hearth/).first().waitFor();
  await page.goto(`${hearth.base}/servers/new`);
  await page.getByLabel('Engine', { exact: true }).selectOption('command');
  await page.getByLabel('Name', { exact: true }).fill('mine');
  await page.getByLabel('Command', { exact: true }).fill(`${FAKE}\n--port\n\${port}`);
  await command(page).getByText(FAKE).waitFor();
  await command(page).getByText(`--port ${await page.getByLabel('Port', { exact: true }).inputValue()}`).waitFor();
  await page.shot('profile-command');
  await button(page, 'Save and start').click();
  await title(page, 'Servers');
  await hearth.untilState('mine', 'ready');
  assert.deepEqual((await profile('mine')).command, [FAKE, '--port', '${port}']);
  await close(page);
});

test('detection fills what was not touched, and says why the engine cannot run it', async () => {
  const hub = await Hub.open();
  const own = await Hearth.start({ env: hub.env });
  try {
    const { data } = await own.api('POST', '/api/session/link');
    const page = await browser.open(own.base, { at: new URL(data.url).pathname + new URL(data.url).search });
    await page.getByText(/^Live · Hearth/).first().waitFor();
    await page.goto(`${own.base}/servers/new?show=all`);
    await page.getByLabel('Engine', { exact: true }).selectOption('mlx-openai-server');
    const parser = (name) => page.getByLabel(`${name} parser`, { exact: true });
    await parser('Reasoning').selectOption('glm4_moe');
    const model = page.getByRole('combobox', { name: 'Model', exact: true });
    await model.fill('some-org/Qwen3-8B-4bit');
    await page.getByRole('option', { name: /as it is/ }).click();
    await page.getByText('Detected: qwen3.').waitFor();
    await until('the parser', async () => await parser('Tool call').inputValue() === 'qwen3');
    assert.equal(await parser('Reasoning').inputValue(), 'glm4_moe');
    // The next model's are others; a field that is touched stays as it is.
    await parser('Tool call').selectOption('hermes');
    await model.fill('some-org/MiniMax-M2.1-3bit');
    await model.press('Enter');
    await page.getByText('Detected: minimax.').waitFor();
    assert.deepEqual([await parser('Tool call').inputValue(), await parser('Reasoning').inputValue()], ['hermes', 'glm4_moe']);
    await page.getByText(/mlx-openai-server is not installed/).first().waitFor();
    await close(page);
  } finally {
    await own.stop();
    await hub.close();
  }
});

test('a flag that the installed engine lacks: its row is off, names the engine, and can be taken away', { skip: !LLAMA }, async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-flag-'));
  const engine = path.join(dir, 'llama-server');
  fs.writeFileSync(engine, `#!/bin/sh
if [ "$1" = --help ]; then ${LLAMA} --help 2>&1 | sed /--swa-full/d; exit; fi
exec ${LLAMA} "$@"
`, { mode: 0o755 });
  const own = await Hearth.start({ models: { tiny: { say: 'Hello' } },
    config: `engines: {llama-server: {path: ${JSON.stringify(engine)}}}\n` });
  try {
    const { data } = await own.api('POST', '/api/profiles', { name: 'odd', model_path: 'tiny', options: { swa_full: true }, restart_policy: 'never' });
    const page = await browser.open(own.base, { at: `/servers/${data.id}/edit?show=changed` });
    // Known before anything is started: the installed program was asked.
    await page.getByText(/The installed llama-server .* has no --swa-full/).first().waitFor();
    const gone = page.getByRole('switch', { name: 'Sliding window full' });
    assert.ok(await gone.isDisabled());
    await command(page).locator('.e').getByText('--swa-full').waitFor();
    assert.match(await command(page).textContent(), new RegExp(`${engine}.*-m.*tiny`, 's'));
    await page.shot('profile-unsupported');
    await page.getByRole('button', { name: 'Back to the default of Sliding window full' }).click();
    await command(page).locator('.e').waitFor({ state: 'detached' });
    page.once('dialog', (dialog) => dialog.accept());
    await page.reload();
    await button(page, 'Start').click();
    await title(page, 'Servers');
    await page.getByRole('article').getByText('Failed').waitFor();
    await page.getByRole('link', { name: 'Edit odd' }).click();
    await page.getByText(/The installed llama-server .* has no --swa-full/).first().waitFor();
    assert.ok(await page.getByRole('switch', { name: 'Sliding window full' }).isDisabled());
    await page.accessible('a flag that is lacking');
    await page.shot('profile-lacking');
    await button(page, 'Take Sliding window full away').click();
    await button(page, 'Save and start').click();
    await title(page, 'Servers');
    await page.getByRole('article').getByText('Ready').waitFor();
    await close(page);
  } finally {
    await own.stop();
    fs.rmSync(dir, { recursive: true });
  }
});

test('the page is accessible and narrow enough, in both themes', async () => {
  const { id } = await profile('coder');
  const long = await ask('POST', '/api/profiles', { name: `${'a-rather-long-name-'.repeat(5)}end`, model_path: 'tiny' });
  for (const theme of ['light', 'dark'])
    for (const [size, at] of [[WIDE, `/servers/${id}/edit?show=all`], [NARROW, `/servers/${id}/edit`],
      [NARROW, `/servers/${long.id}/edit`], [{ width: 1440, height: 900 }, `/servers/${id}/edit`], [{ width: 768, height: 900 }, '/servers/new'],
      [{ width: 1024, height: 800 }, '/servers/new'], [{ width: 1180, height: 800 }, '/servers/new']]) {
      const page = await open(at, { theme, size });
      await page.getByLabel('Context size', { exact: true }).waitFor();
      if (at.includes('edit')) await page.getByText(/tokens, \d slots/).waitFor();
      const what = `${theme}-${size.width}${at.includes(long.id) ? '-long' : ''}`;
      await page.shot(`profile-${what}`);
      await page.accessible(what);
      await page.fitsWidth(what);
      await close(page);
    }
});
