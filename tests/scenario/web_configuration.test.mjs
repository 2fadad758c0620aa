// The page of the configuration in a real browser: llama.cpp's own router is
// configured, started, told to load, and stopped; all of the configuration goes
// out as a file, and in again after a look at what it would change.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import { Hearth, isAlive, until } from './lib/hearth.mjs';
import { keys } from './lib/keys.mjs';

let browser, hearth;
before(async () => {
  browser = await Browser.start();
  hearth = await Hearth.start({ models: { 'tiny-a': { say: 'alpha one' }, 'tiny-b': { say: 'beta two' } } });
});
after(async () => {
  await browser?.stop();
  await hearth?.stop();
});

const router = async () => (await hearth.api('GET', '/api/llama/status')).data;
const config = async () => (await hearth.api('GET', '/api/llama/config')).data;
const row = (page, name) => page.getByRole('listitem').filter({ hasText: name });

test('options are saved, refused in their place, and seen in the other window', async () => {
  const [page, other] = [await browser.signIn(hearth, { at: '/configuration' }), await browser.signIn(hearth, { at: '/configuration' })];
  const field = (one, name) => one.getByRole('textbox', { name, exact: true });
  await field(page, 'Models at once').fill('2');
  await field(page, 'Threads').fill('1');
  await page.getByRole('button', { name: 'Save' }).click();
  await until('the daemon', async () => (await config()).models_max === 2);
  await until('the other window', async () => (await field(other, 'Models at once').inputValue()) === '2');
  await field(page, 'Models').fill('/etc');
  await page.getByRole('button', { name: 'Save' }).click();
  const dir = page.locator('.opt').filter({ hasText: '--models-dir' });
  await until('the reason', async () => (await dir.locator('[aria-invalid=true]').count()) === 1);
  assert.equal((await config()).models_dir, hearth.models);
  await page.getByRole('button', { name: 'Discard' }).click();
  page.forgetNoise(); // the refused folder
  await page.getByRole('button', { name: 'Reset' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Reset it' }).click();
  await until('the beginning', async () => (await config()).models_max === null);
  await until('the other window', async () => (await field(other, 'Models at once').inputValue()) === '');
  for (const one of [page, other]) {
    one.quiet();
    await one.context().close();
  }
});

test('the router starts, loads, unloads and stops, and both windows say so', async () => {
  const [page, other] = [await browser.signIn(hearth, { at: '/configuration' }), await browser.signIn(hearth, { at: '/configuration' })];
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  for (const one of [page, other]) await row(one, 'tiny-a').getByText('Stopped').waitFor();
  const { pid } = await router();
  assert.ok(isAlive(pid));
  await row(page, 'tiny-a').getByRole('button', { name: 'Load' }).click();
  for (const one of [page, other]) await row(one, 'tiny-a').getByText('Ready').waitFor();
  assert.equal((await router()).models.find(({ name }) => name === 'tiny-a').status, 'loaded');
  await row(page, 'tiny-a').getByRole('button', { name: 'Unload' }).click();
  for (const one of [page, other]) await row(one, 'tiny-a').getByText('Stopped').waitFor();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  for (const one of [page, other]) await one.getByRole('button', { name: 'Start', exact: true }).waitFor();
  await until('its process to end', () => !isAlive(pid));
  for (const one of [page, other]) {
    one.quiet();
    await one.context().close();
  }
});

test('out as a file, looked at, and in again', async () => {
  assert.equal((await hearth.api('PUT', '/api/settings', { models_max: 7 })).status, 200);
  const page = await browser.signIn(hearth, { at: '/configuration' });
  const waiting = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export' }).click();
  const file = path.join(hearth.dir, 'config.json');
  await (await waiting).saveAs(file);
  const document = JSON.parse(fs.readFileSync(file, 'utf8'));
  assert.equal(document.settings.models_max, 7);
  const input = page.getByLabel('File to import');
  await input.setInputFiles(file);
  await page.getByText('everything is so already').waitFor();

  document.settings.models_max = 5;
  fs.writeFileSync(file, JSON.stringify(document));
  await input.setInputFiles([]);
  await input.setInputFiles(file);
  await page.getByText(/would change 1 things?/).waitFor();
  assert.equal((await hearth.api('GET', '/api/settings')).data.models_max.value, 7);
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByText(/is taken in/).waitFor();
  assert.equal((await hearth.api('GET', '/api/settings')).data.models_max.value, 5);

  // Two lines of one preset are wrong: both reasons are told.
  fs.writeFileSync(file, JSON.stringify({ ...document, presets: { bad: '[*]\nnope = 1\nneither = 2\n' } }));
  await input.setInputFiles([]);
  await input.setInputFiles(file);
  await page.getByText('presets.bad', { exact: true }).nth(1).waitFor();
  document.settings.models_max = -5;
  fs.writeFileSync(file, JSON.stringify(document));
  await input.setInputFiles([]);
  await input.setInputFiles(file);
  await page.getByText(/cannot be taken in/).waitFor();
  await page.getByText('models_max', { exact: true }).waitFor();
  fs.writeFileSync(file, '{ not json');
  await input.setInputFiles([]);
  await input.setInputFiles(file);
  await page.getByText(/is not JSON/).waitFor();
  page.forgetNoise(); // the refused document
  await page.context().close();
});

test('by the keyboard alone: an option is saved, all of it exported, the options reset', async () => {
  const page = await browser.signIn(hearth, { at: '/configuration' });
  const focused = keys(page);
  await page.getByRole('textbox', { name: 'Models at once' }).waitFor();
  await focused.tabTo(/^Models at once/);
  await focused.retype('3');
  await focused.tabTo(/^Save$/);
  await page.keyboard.press('Enter');
  await until('the daemon', async () => (await config()).models_max === 3);
  await until('the focus to stay in the page', async () => (await focused.name()) !== '');
  await focused.tabTo(/^Export$/);
  const waiting = page.waitForEvent('download');
  await page.keyboard.press('Enter');
  assert.ok(JSON.parse(fs.readFileSync(await (await waiting).path(), 'utf8')).settings);
  await focused.tabTo(/^File to import$/);
  await focused.tabTo(/^Reset$/);
  await page.keyboard.press('Enter');
  await focused.tabTo(/^Reset it$/);
  await page.keyboard.press('Enter');
  await until('the beginning', async () => (await config()).models_max === null);
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.locator('button:not([aria-disabled])').filter({ hasText: /^\s*Start\s*$/ }).waitFor();
  await until('the focus to stay in the page', async () => (await focused.name()) !== '');
  await focused.tabTo(/^Start$/);
  await page.keyboard.press('Enter');
  await row(page, 'tiny-a').getByText('Stopped').waitFor();
  await until('the focus to stay in the page', async () => (await focused.name()) !== '');
  await focused.tabTo(/^Stop$/);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Start', exact: true }).waitFor();
  page.quiet();
  await page.context().close();
});

test('the page is accessible and narrow enough, in both themes', async () => {
  for (const theme of ['light', 'dark'])
    for (const [name, size] of Object.entries({ wide: WIDE, narrow: NARROW })) {
      const page = await browser.open(hearth.base, { at: '/configuration', theme, size });
      await page.getByRole('textbox', { name: 'Models at once' }).waitFor();
      await page.accessible(`${theme} ${name}`);
      await page.fitsWidth(`${theme} ${name}`);
      await page.shot(`configuration-${theme}-${name}`);
      for (const width of [360, 768, 1024, 1180]) {
        await page.setViewportSize({ width, height: 800 });
        await page.fitsWidth(`${theme} ${width}`);
      }
      page.quiet();
      await page.context().close();
    }
});
