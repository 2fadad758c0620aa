// The page of settings in a real browser: what is changed reaches the daemon and
// the other window; what is pinned or wrong says so; keys are made and ended.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import { Hearth, request, until, writeModel } from './lib/hearth.mjs';
import { keys } from './lib/keys.mjs';

let browser, hearth;
before(async () => {
  browser = await Browser.start();
  hearth = await Hearth.start({ models: { tiny: { say: 'Hello' } }, env: { HEARTH_DOWNLOADS_CONNECTIONS: '7' } });
});
after(async () => {
  await browser?.stop();
  await hearth?.stop();
});

const value = async (key) => (await hearth.api('GET', '/api/settings')).data[key];
test('a change is saved, acts, and is seen in the other window', async () => {
  const [page, other] = [await browser.open(hearth.base, { at: '/settings?section=engines' }), await browser.open(hearth.base, { at: '/settings?section=engines' })];
  const field = (one) => one.getByRole('textbox', { name: 'Models at once' });
  await field(page).fill('2');
  await page.getByText('1 change', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await until('the daemon', async () => (await value('models_max')).value === 2);
  await until('the other window', async () => (await field(other).inputValue()) === '2');

  // The same in both: the second is told.
  await field(other).fill('5');
  await field(page).fill('3');
  await page.keyboard.press('Control+s');
  await other.getByText('Changed elsewhere meanwhile: models_max').waitFor();
  assert.equal(await field(other).inputValue(), '5');
  await other.getByRole('button', { name: 'Show what is there now' }).click();
  assert.equal(await field(other).inputValue(), '3');

  // Back to the default.
  await page.getByRole('button', { name: 'Back to the default of Models at once' }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  await until('the default', async () => (await value('models_max')).origin === 'default');
  await until('its figure', async () => (await field(page).inputValue()) === '4');
  for (const one of [page, other]) {
    one.quiet();
    await one.context().close();
  }
});

test('Ctrl+S while a save is under way saves what was typed since', async () => {
  const page = await browser.open(hearth.base, { at: '/settings?section=engines' });
  const field = page.getByRole('textbox', { name: 'Models at once' });
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route('**/api/settings', async (route) => {
    await held;
    await route.continue();
  });
  const sent = [];
  page.on('request', (one) => one.method() === 'PUT' && sent.push(one.postDataJSON()));
  await field.fill('2');
  await page.keyboard.press('Control+s');
  await until('the first to be sent', () => sent.length === 1);
  await field.fill('6');
  await page.keyboard.press('Control+s');
  await page.keyboard.press('Control+s');
  release();
  await until('the daemon', async () => (await value('models_max')).value === 6);
  assert.deepEqual(sent, [{ models_max: 2 }, { models_max: 6 }]);
  await page.getByText('1 change', { exact: true }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Back to the default of Models at once' }).click();
  await page.keyboard.press('Control+s');
  await until('the default', async () => (await value('models_max')).origin === 'default');
  page.quiet();
  await page.context().close();
});

test('what is wrong or pinned says so in its place', async () => {
  const page = await browser.open(hearth.base, { at: '/settings?section=downloads' });
  await page.getByText(/HEARTH_DOWNLOADS_CONNECTIONS/).waitFor();
  assert.ok(await page.getByRole('textbox', { name: 'Connections for each file' }).isDisabled());
  await page.getByRole('textbox', { name: 'At the same time' }).fill('99');
  await page.getByText('At most 32.').waitFor();
  await page.getByRole('textbox', { name: 'Hours of the limit' }).fill('25:00-26:00');
  await page.getByRole('textbox', { name: 'At the same time' }).fill('2');
  await page.getByRole('button', { name: 'Save' }).click();
  const row = page.locator('.opt').filter({ hasText: 'downloads.limit_hours' });
  await until('the reason', async () => /08:00-22:30|hours/.test(await row.innerText()) && (await row.locator('[aria-invalid=true]').count()) === 1);
  assert.equal((await value('downloads.max_concurrent')).value, 3); // all or nothing
  page.forgetNoise(); // the refused save
  await page.getByRole('button', { name: 'Engines' }).click(); // what is changed outlives that
  await page.getByRole('button', { name: 'Downloads', exact: true }).click();
  assert.equal(await page.getByRole('textbox', { name: 'At the same time' }).inputValue(), '2');
  page.once('dialog', (dialog) => dialog.dismiss());
  await page.getByRole('link', { name: 'Servers' }).first().click();
  assert.equal(new URL(page.url()).pathname, '/settings'); // it asked first
  await page.getByRole('button', { name: 'Discard' }).click();
  await page.getByLabel('Find a setting').fill('port_start');
  await page.getByText('First port', { exact: true }).waitFor();
  await page.getByText(/Acts after a restart/).waitFor();
  page.quiet();
  await page.context().close();
});

test('what decides what is read needs a signed-in browser; a folder brings its models', async () => {
  const folder = path.join(hearth.dir, 'more');
  fs.mkdirSync(folder);
  writeModel(path.join(folder, 'second.gguf'), { say: 'there' });
  const visitor = await browser.open(hearth.base, { at: '/settings' });
  const add = async (page) => {
    const row = page.locator('.opt').filter({ hasText: 'models_dirs' });
    await row.locator('input').last().fill(folder);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Save' }).click();
  };
  // The file names the folders of this daemon, so that they are pinned.
  await visitor.getByText(/Set by .*hearth\.yaml/).first().waitFor();
  await visitor.context().close();

  const free = await Hearth.start({ env: { HEARTH_MODELS_DIRS: undefined } });
  try {
    fs.writeFileSync(path.join(free.dir, 'hearth.yaml'), 'engine_threads: 1\n');
    process.kill(free.pid, 'SIGHUP');
    await until('the folders to be free', async () => (await free.api('GET', '/api/settings')).data.models_dirs.is_editable);
    const guest = await browser.open(free.base, { at: '/settings' });
    await add(guest);
    await until('the refusal', async () => /sign|key|authority/i.test(await guest.locator('.cards').innerText()));
    await guest.context().close();
    const page = await browser.signIn(free, { at: '/settings' });
    await add(page);
    await until('its model', async () => (await free.api('GET', '/api/models')).data.some(({ name }) => name.startsWith('second')));
    page.quiet();
    await page.context().close();
  } finally {
    await free.stop();
  }
});

test('a key is made, shown once, used and ended', async () => {
  const guest = await browser.open(hearth.base, { at: '/settings?section=access' });
  await guest.getByText(/hearth open/).waitFor();
  await guest.context().close();
  const page = await browser.signIn(hearth, { at: '/settings?section=access' });
  const other = await browser.signIn(hearth, { at: '/settings?section=access' });
  await page.getByLabel('Name of the key').fill('laptop');
  await page.getByRole('button', { name: 'Make key' }).click();
  const secret = await page.locator('code.secret').innerText();
  assert.match(secret, /^hk_/);
  await other.getByRole('button', { name: 'End laptop' }).waitFor(); // the other window is told
  assert.equal(await other.locator('code.secret').count(), 0);
  const ask = () => request(hearth.base, 'GET', '/v1/models', { headers: { Authorization: `Bearer ${secret}` } });
  assert.equal((await ask()).status, 200);
  await page.reload();
  await page.getByText('laptop', { exact: true }).waitFor();
  assert.equal(await page.locator('code.secret').count(), 0);
  await page.getByRole('button', { name: 'End laptop' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End it' }).click();
  await page.getByText(/^ended /).waitFor();
  await other.getByText(/^ended /).waitFor();
  other.quiet();
  await other.context().close();
  assert.equal((await ask()).status, 401);
  page.quiet();
  await page.context().close();
});

test('by the keyboard alone: found, changed, saved, put back; a key made and ended', async () => {
  const page = await browser.signIn(hearth, { at: '/settings' });
  const focused = keys(page);
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('models_max');
  await page.getByText('Models at once', { exact: true }).waitFor();
  await focused.tabTo(/^Models at once/);
  await focused.retype('6');
  await focused.tabTo(/^Save$/);
  await page.keyboard.press('Enter');
  await until('the daemon', async () => (await value('models_max')).value === 6);
  await page.getByRole('button', { name: 'Discard' }).waitFor({ state: 'detached' }); // the page has its answer
  await until('the focus to stay in the page', async () => (await focused.name()) !== '');
  await page.keyboard.press('/');
  await focused.tabTo(/^Back to the default of Models at once$/);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Control+s');
  await until('the default', async () => (await value('models_max')).origin === 'default');
  await until('the focus to stay in the page', async () => (await focused.name()) !== '');

  await page.goto(`${hearth.base.replace(/\/$/, '')}/settings?section=access`);
  await page.getByRole('heading', { name: 'Keys' }).waitFor();
  await focused.tabTo(/^Name of the key$/);
  await page.keyboard.type('typed');
  await page.keyboard.press('Enter');
  await page.locator('code.secret').waitFor();
  await focused.tabTo(/^End typed$/);
  await page.keyboard.press('Enter');
  await focused.tabTo(/^End it$/);
  await page.keyboard.press('Enter');
  const key = page.getByRole('listitem').filter({ hasText: 'typed' });
  await key.getByText(/^ended /).waitFor();
  await until('the focus to stay in the page', async () => (await focused.name()) !== '');
  page.quiet();
  await page.context().close();
});

test('the page is accessible and narrow enough, in both themes', async () => {
  for (const theme of ['light', 'dark'])
    for (const [name, size] of Object.entries({ wide: WIDE, narrow: NARROW }))
      for (const section of ['storage', 'hubs', 'access', 'records', 'appearance', 'about']) {
        const page = await browser.open(hearth.base, { at: `/settings?section=${section}`, theme, size });
        await page.locator('.cards .card').first().waitFor();
        await until('the rows', async () => (await page.locator('.cards .opt, .cards .bd').count()) > 0);
        await page.accessible(`${section} ${theme} ${name}`);
        await page.fitsWidth(`${section} ${theme} ${name}`);
        await page.shot(`settings-${section}-${theme}-${name}`);
        for (const width of [360, 768, 1024, 1180]) {
          await page.setViewportSize({ width, height: 800 });
          await page.fitsWidth(`${section} ${theme} ${width}`);
        }
        page.quiet();
        await page.context().close();
      }
});
