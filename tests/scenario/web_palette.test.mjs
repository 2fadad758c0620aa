// The palette and the keys in a real browser: what runs, what is asked first,
// what a thing's actions are, and which keys stay the browser's.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import { Hearth, until } from './lib/hearth.mjs';

const FAKE = process.env.HEARTH_FAKE_ENGINE;
let browser;
let hearth;
before(async () => {
  browser = await Browser.start();
  hearth = await Hearth.start({ models: { tiny: { say: 'Hello' }, other: { say: 'Hi' } } });
  for (const name of ['coder', 'writer']) {
    const profile = { name, engine: 'command', command: [FAKE, '--port', '${port}'] };
    assert.equal((await hearth.api('POST', '/api/profiles', profile)).status, 201);
  }
});
after(async () => {
  await browser?.stop();
  await hearth?.stop();
});

async function open(at = '/', options = {}) {
  const page = await browser.signIn(hearth, { at, ...options });
  await page.getByRole('heading', { level: 1 }).waitFor();
  // All is there: the connection, the servers, and the library, which comes last.
  await page.locator('a[href$="/models"]', { hasText: '2' }).first().waitFor({ state: 'attached' });
  return page;
}
async function close(page) {
  page.quiet();
  await page.context().close();
}
const field = (page, name = 'Command') => page.getByRole('combobox', { name, exact: true });
const title = (page, name) => page.getByRole('heading', { name, level: 1, exact: true }).waitFor();
const press = async (page, ...keys) => { for (const key of keys) await page.keyboard.press(key); };
const chosen = (page, name) => page.getByRole('option', { name, selected: true }).waitFor();
async function command(page, words, ...keys) {
  await press(page, 'Control+k');
  await field(page).waitFor();
  await page.keyboard.type(words);
  await press(page, ...(keys.length ? keys : ['Enter']));
}

test('a model is loaded by the keyboard alone; all are unloaded after being named', async () => {
  const page = await open();
  await press(page, 'm', 'l');
  await field(page, 'Load…').waitFor();
  await page.keyboard.type('tiny');
  await chosen(page, 'Load tiny');
  await press(page, 'Enter');
  await hearth.untilState('tiny', 'ready');
  await command(page, 'start coder');
  await hearth.untilState('coder', 'ready');

  // It is never what Enter would run unless it is gone to.
  await press(page, 'Control+k');
  await field(page).waitFor();
  for (const group of await page.getByRole('option').evaluateAll((all) => all.filter((one) =>
    one.previousElementSibling?.classList.contains('group')).map((one) => one.textContent)))
    assert.doesNotMatch(group, /^(Unload|Stop|Restart)/);
  await page.keyboard.type('unload all');
  await page.getByRole('option', { name: 'Unload all' }).waitFor();
  assert.equal(await page.getByRole('option', { selected: true }).count(), 0);
  await press(page, 'Escape');

  const dialog = page.getByRole('dialog', { name: 'Unload 2 models?' });
  await press(page, 'm', 'u');
  await dialog.waitFor();
  assert.deepEqual((await dialog.getByRole('listitem').allInnerTexts()).sort(), ['coder', 'tiny']);
  await page.accessible('what is asked');
  await press(page, 'Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.equal((await hearth.server('coder')).state, 'ready');
  await command(page, 'unload all', 'ArrowDown', 'Enter');
  await dialog.getByRole('button', { name: 'Unload all' }).click();
  await until('nothing that runs', async () => (await hearth.api('GET', '/api/servers?running=1')).data.length === 0);
  await close(page);
});

test('Tab: what else can be done with a model or a server', async () => {
  const page = await open();
  await press(page, 'Control+k');
  await field(page).waitFor();
  await page.keyboard.type('tiny');
  await chosen(page, 'Load tiny');
  await page.getByRole('dialog').locator('.hint', { hasText: 'more' }).waitFor();
  assert.equal(await page.getByRole('option', { name: /tiny/ }).count(), 1);
  await press(page, 'Tab');
  await field(page, 'tiny').waitFor();
  await press(page, 'Escape');
  await field(page).waitFor(); // one layer
  assert.equal(await field(page).inputValue(), 'tiny');
  await press(page, 'ArrowRight');
  await page.keyboard.type('add favourites');
  await chosen(page, 'Add tiny to favourites');
  await press(page, 'Enter');
  await until('the mark', async () => (await hearth.api('GET', '/api/models')).data.find(({ name }) => name === 'tiny').is_favourite);
  await command(page, 'open tiny');
  await title(page, 'Models');
  await page.getByRole('heading', { name: 'tiny' }).waitFor();
  await press(page, 'r', 'l'); // closes the drawer, clears the filter
  await page.waitForURL(/\/models$/);

  await hearth.api('POST', '/api/servers/coder/start?wait=1');
  await press(page, 'Control+k');
  await page.keyboard.type('coder');
  await chosen(page, 'Chat with coder');
  await press(page, 'Tab');
  await page.keyboard.type('log');
  await press(page, 'Enter');
  await title(page, 'Servers');
  await page.getByText('Following the log').waitFor();
  await command(page, 'stop coder', 'ArrowDown', 'Enter');
  await hearth.untilState('coder', 'stopped');
  await close(page);
});

test('the log is exported and copied; lists are asked for anew', async () => {
  const page = await open();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const [download] = await Promise.all([page.waitForEvent('download'), press(page, 'e', 'l')]);
  assert.match(download.suggestedFilename(), /^hearth-logs.*\.json$/);
  assert.ok(JSON.parse(fs.readFileSync(await download.path(), 'utf8')).entries.length > 0);
  await command(page, 'copy recent');
  await page.getByText(/lines? of the log copied/).waitFor();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^\[\d{4}-.*Z\] \[[A-Z]+\] \[.+\] /);

  const asks = async (target, what) => {
    const [answer] = await Promise.all([page.waitForResponse((one) => new URL(one.url()).pathname === target), what()]);
    assert.equal(answer.status(), 200);
  };
  await asks('/api/models', () => press(page, 'm', 'r'));
  await page.getByText('2 in the library.').waitFor();
  await asks('/api/presets', () => press(page, 'p', 's'));
  await asks('/api/presets', () => press(page, 'p', 'r'));
  await page.getByText('Presets read anew').waitFor();
  await asks('/api/models', () => command(page, 'refresh'));
  await asks('/api/llama/status', () => command(page, 'check status'));
  await page.getByText(/The llama router is stopped/).waitFor();
  await press(page, 'm', 's');
  await page.getByText('Folders scanned').waitFor();
  await close(page);
});

test('the router starts with the preset that is chosen', async () => {
  fs.writeFileSync(path.join(hearth.data, 'presets', 'small.ini'), '[*]\nctx-size = 512\n');
  const page = await open();
  await command(page, 'router with preset');
  await field(page, 'Start the llama router with preset…').waitFor();
  await page.keyboard.type('small');
  await chosen(page, 'Start with small');
  await press(page, 'Enter');
  await until('the router', async () => (await hearth.api('GET', '/api/llama/status')).data.is_running, 60000);
  assert.match((await hearth.api('GET', '/api/llama/config')).data.preset, /^small/);
  // It runs: with another preset it is a restart, which Enter alone does not do.
  await command(page, 'router with preset');
  await page.getByRole('option', { name: 'Restart with small' }).waitFor();
  assert.equal(await page.getByRole('option', { selected: true }).count(), 0);
  await press(page, 'Escape', 'Escape');
  await command(page, 'check status');
  await page.getByText(/The llama router is \w+ at port \d+/).waitFor();
  await press(page, 'r', 't');
  await until('its end', async () => !(await hearth.api('GET', '/api/llama/status')).data.is_running);
  await close(page);
});

test('keys with Ctrl go to pages, but not from a field', async () => {
  const page = await open();
  for (const [key, name] of [['m', 'Models'], ['p', 'Presets'], ['g', 'Settings'], ['l', 'Logs'], ['d', 'Dashboard']]) {
    await press(page, `Control+${key}`);
    await title(page, name);
  }
  await press(page, 'Control+h');
  const help = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await help.waitFor();
  for (const text of ['Search or run a command', 'Unload all', 'Export logs', 'Reload presets', 'Filter the list'])
    await help.getByText(text, { exact: true }).waitFor();
  await press(page, 'Control+m'); // not under a dialog
  await press(page, 'Escape');
  await help.waitFor({ state: 'detached' });
  await title(page, 'Dashboard');

  await press(page, 'Control+m');
  await title(page, 'Models');
  await press(page, 'Control+s');
  await page.getByText('Folders scanned').waitFor();
  await press(page, '/');
  await page.keyboard.type('ti');
  const taken = (key) => page.evaluate((one) => {
    const event = new KeyboardEvent('keydown', { key: one, ctrlKey: true, bubbles: true, cancelable: true });
    return !document.activeElement.dispatchEvent(event);
  }, key);
  for (const key of ['d', 'm', 'p', 'g', 'l', 'h', 't', 'r']) assert.equal(await taken(key), false, key);
  await title(page, 'Models');
  await page.evaluate(() => document.activeElement.blur());
  for (const key of ['t', 'r', 'f']) assert.equal(await taken(key), false, key);
  await close(page);
});

test('with a key that only reads: what it may not do says so, and is not tried', async () => {
  // As where something between adds the key.
  const { data } = await hearth.api('POST', '/api/keys', { name: 'looker', scope: 'read' });
  const page = await browser.open(hearth.base, { headers: { Authorization: `Bearer ${data.secret}` } });
  await page.locator('a[href$="/models"]', { hasText: '2' }).first().waitFor({ state: 'attached' });
  await command(page, 'scan model', 'Shift');
  const scan = page.getByRole('option', { name: /^Scan model folders\s*needs an admin key$/ });
  await scan.waitFor();
  assert.equal(await scan.getAttribute('aria-disabled'), 'true');
  await page.accessible('a command that is refused');
  await page.shot('palette-read-only');
  await press(page, 'Enter');
  await field(page).waitFor(); // it stays
  await press(page, 'Escape');
  await press(page, 'm', 's');
  await page.getByText('Scan model folders: not done').waitFor();
  assert.equal(await page.getByText('Folders scanned').count(), 0);
  await command(page, 'tiny', 'Shift');
  await chosen(page, /^Open tiny/);
  await press(page, 'Tab');
  await page.getByRole('option', { name: /^Load tiny\s*needs an admin key$/ }).waitFor();
  await page.shot('palette-read-only-actions');
  await close(page);
});

test('it is accessible and narrow enough, in both themes', async () => {
  for (const theme of ['light', 'dark'])
    for (const [name, size] of Object.entries({ wide: WIDE, narrow: NARROW })) {
      const page = await open('/', { theme, size });
      const look = async (what) => {
        await page.accessible(`${what} ${theme} ${name}`);
        await page.fitsWidth(`${what} ${theme} ${name}`);
        await page.shot(`palette-${what}-${theme}-${name}`);
      };
      await press(page, 'Control+k');
      await field(page).waitFor();
      await look('all');
      await page.keyboard.type('tiny');
      await chosen(page, 'Load tiny');
      await look('found');
      await press(page, 'Tab');
      await field(page, 'tiny').waitFor();
      await look('actions');
      await press(page, 'Escape', 'Escape');
      await command(page, 'unload all', 'Shift');
      await look('ends');
      await press(page, 'Escape');
      await press(page, '?');
      await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
      await look('help');
      await close(page);
    }
});
