// The page of Hearth's own log in a real browser: what is there, what comes,
// narrowed by level, source and words, and exported.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import { Hearth, until } from './lib/hearth.mjs';
import { keys } from './lib/keys.mjs';

const FAKE = process.env.HEARTH_FAKE_ENGINE;
let browser;
let hearth;
before(async () => {
  browser = await Browser.start();
  hearth = await Hearth.start({ models: { tiny: { say: 'Hello' } } });
  const profile = { name: 'breaker', engine: 'command', restart_policy: 'never',
                    command: [FAKE, '--port', '${port}', '--exit-at-start', '9'] };
  assert.equal((await hearth.api('POST', '/api/profiles', profile)).status, 201);
});
after(async () => {
  await browser?.stop();
  await hearth?.stop();
});

test('what happens comes by itself, and can be narrowed and exported', async () => {
  const page = await browser.open(hearth.base, { at: '/logs' });
  const rows = page.getByRole('log', { name: 'Log of Hearth' }).locator('.line');
  await rows.filter({ hasText: `serves at ${hearth.base}` }).waitFor(); // when it was started
  await hearth.api('DELETE', '/api/logs');
  await page.getByText('Nothing was logged yet').waitFor();
  await hearth.api('POST', '/api/servers/breaker/start?wait=1');
  const failure = rows.filter({ hasText: 'breaker' }).filter({ hasText: /warn|error/ }).first();
  await failure.waitFor();

  await page.keyboard.press('/');
  await page.keyboard.type('BREAKER');
  await page.locator('mark').first().waitFor();
  for (const text of await rows.allInnerTexts()) assert.match(text, /breaker/i);
  await page.getByLabel('Search the messages').fill('');
  await page.getByLabel('Least level').selectOption('error');
  const grave = (await hearth.api('GET', '/api/logs?level=error')).data.entries.length;
  if (grave === 0) await page.getByText('Nothing matches').waitFor();
  else await page.waitForFunction((n) => document.querySelectorAll('.line').length === n, grave);
  await page.getByLabel('Least level').selectOption('debug');
  const source = await failure.locator('.source').innerText();
  await page.getByLabel('Source').selectOption(source);
  await page.waitForFunction((name) => [...document.querySelectorAll('.line .source')].every((node) => node.textContent === name), source);

  await page.getByLabel('Search the messages').fill('no such words at all');
  await page.getByText('Nothing matches').waitFor();
  await page.getByRole('button', { name: 'Clear filter' }).click();
  await failure.waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export JSON' }).click()]);
  const { entries } = JSON.parse(fs.readFileSync(await download.path(), 'utf8'));
  assert.ok(entries.some(({ message }) => message.includes('breaker')));
  page.quiet();
  await page.context().close();
});

test('its files are read and deleted; cleared, it is empty in every window', async () => {
  const [page, other] = [await browser.open(hearth.base, { at: '/logs' }), await browser.open(hearth.base, { at: '/logs' })];
  for (const one of [page, other]) await one.locator('.line').first().waitFor();
  await page.getByRole('button', { name: 'Files' }).click();
  const dialog = page.getByRole('dialog', { name: 'Files of the log' });
  await dialog.getByRole('button', { name: 'Read hearth.log', exact: true }).click();
  await dialog.getByRole('region', { name: 'Lines of hearth.log' }).getByText(/breaker/).waitFor();
  await page.accessible('files of the log');
  await page.shot('logs-files');
  await dialog.getByRole('button', { name: 'Delete hearth.log', exact: true }).click();
  const asked = page.getByRole('dialog', { name: 'Delete hearth.log?' });
  await page.accessible('delete a file of the log');
  await asked.getByRole('button', { name: 'Keep it' }).click();
  await asked.waitFor({ state: 'detached' });
  await dialog.getByRole('button', { name: 'Delete hearth.log', exact: true }).click();
  await asked.getByRole('button', { name: 'Delete', exact: true }).click();
  await asked.waitFor({ state: 'detached' });
  await until('the file to be gone', async () => !(await hearth.api('GET', '/api/logs/files')).data.files.some(({ size_bytes }) => size_bytes > 0));
  await dialog.getByRole('button', { name: 'Close' }).click();

  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await page.accessible('clear the log');
  const clearing = page.getByRole('dialog', { name: 'Clear the log?' });
  await clearing.getByRole('button', { name: 'Clear it' }).click();
  await clearing.waitFor({ state: 'detached' });
  for (const one of [page, other]) await until('an empty log', async () => (await one.getByText('breaker').count()) === 0);
  assert.ok(!(await hearth.api('GET', '/api/logs?q=breaker')).data.entries.length);
  await hearth.api('POST', '/api/servers/breaker/start?wait=1');
  for (const one of [page, other]) {
    await one.locator('.line').filter({ hasText: 'breaker' }).first().waitFor();
    one.quiet();
    await one.context().close();
  }
});

test('by the keyboard alone: searched, narrowed, cleared, exported', async () => {
  const page = await browser.open(hearth.base, { at: '/logs' });
  const focused = keys(page);
  const rows = page.getByRole('log', { name: 'Log of Hearth' }).locator('.line');
  await rows.first().waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('no such words');
  await page.getByText('Nothing matches').waitFor();
  await focused.tabTo(/^Clear filter$/);
  await page.keyboard.press('Enter');
  await rows.first().waitFor();
  await until('the focus on what came', async () => (await focused.name()) !== '');
  await focused.tabBackTo(/^Least level$/);
  await page.keyboard.press('ArrowUp');
  await until('another level', async () => (await page.getByLabel('Least level').inputValue()) === 'debug');
  await focused.tabTo(/^Log of Hearth$/); // it scrolls by the keys
  await focused.tabBackTo(/^Export JSON$/);
  const waiting = page.waitForEvent('download');
  await page.keyboard.press('Enter');
  assert.ok(JSON.parse(fs.readFileSync(await (await waiting).path(), 'utf8')).entries.length > 0);
  page.quiet();
  await page.context().close();
});

test('the page is accessible and narrow enough, in both themes', async () => {
  for (const theme of ['light', 'dark'])
    for (const [name, size] of Object.entries({ wide: WIDE, narrow: NARROW })) {
      const page = await browser.open(hearth.base, { at: '/logs', theme, size });
      await page.getByRole('log').locator('.line').first().waitFor();
      await page.accessible(`${theme} ${name}`);
      await page.fitsWidth(`${theme} ${name}`);
      await page.shot(`logs-${theme}-${name}`);
      page.quiet();
      await page.context().close();
    }
});
