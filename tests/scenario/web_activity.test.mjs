// The page of activity in a real browser: requests under way are seen and
// cancelled, those that have ended filtered, opened and looked into.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import { Hearth, until } from './lib/hearth.mjs';
import { keys } from './lib/keys.mjs';

const FAKE = process.env.HEARTH_FAKE_ENGINE;
let browser, hearth;
before(async () => {
  browser = await Browser.start();
  const row = { name: 'coder', engine: 'command', restart_policy: 'never', max_concurrency: 2,
    command: [FAKE, '--port', '${port}', '--chunks', '200'] };
  hearth = await Hearth.start({ models: { tiny: { say: 'Hello out there' } }, config: `profiles:\n  - ${JSON.stringify(row)}\n` });
});
after(async () => {
  await browser?.stop();
  await hearth?.stop();
});

const ask = (model, extra = {}, headers = {}) => hearth.request('POST', '/v1/chat/completions',
  { body: { model, messages: [{ role: 'user', content: 'hi' }], ...extra }, headers });
const SLOW = { 'X-Fake': 'chunk-delay-ms=200' };
const rows = (page) => page.getByRole('grid', { name: 'Requests' }).getByRole('row');

test('an empty page says what it is for', async () => {
  const page = await browser.open(hearth.base, { at: '/activity' });
  await page.getByText('No request yet').waitFor();
  await page.getByText('No request is under way.').waitFor();
  page.quiet();
  await page.context().close();
});

test('a request is seen under way in two windows, and cancelled in one', async () => {
  const [page, other] = [await browser.open(hearth.base, { at: '/activity' }), await browser.open(hearth.base, { at: '/activity' })];
  await page.getByText('No request yet').waitFor();
  const broken = ask('coder', { stream: true }, SLOW).catch((error) => error);
  for (const one of [page, other]) await one.getByText('Answering').waitFor();
  await page.getByRole('link', { name: /Activity.*1 in flight/ }).waitFor();
  await page.getByRole('button', { name: 'Cancel coder' }).click();
  assert.ok((await broken) instanceof Error);
  for (const one of [page, other]) {
    await one.getByText('No request is under way.').waitFor();
    await rows(one).getByText('Cancelled').waitFor();
    one.quiet();
    await one.context().close();
  }
});

test('those that have ended: filter, address, details, by keyboard', async () => {
  assert.equal((await ask('tiny', { max_tokens: 8, stream: true })).status, 200);
  assert.equal((await ask('nobody')).status, 404);
  const page = await browser.open(hearth.base, { at: '/activity' });
  await rows(page).getByText('nobody').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('TINY');
  await until('the others to go', async () => (await rows(page).count()) === 2); // the head, and it
  assert.equal(new URL(page.url()).searchParams.get('q'), 'TINY');
  await page.keyboard.press('Tab'); // model
  await page.keyboard.press('Tab'); // end
  await page.keyboard.press('Tab'); // the row
  await page.keyboard.press('Enter');
  const drawer = page.locator('.drawer');
  await drawer.getByText('/v1/chat/completions').waitFor();
  await drawer.getByText(/written/).waitFor();
  await drawer.getByText(/Nothing is captured/).waitFor();
  await page.keyboard.press('Escape');
  await drawer.waitFor({ state: 'detached' });
  await page.getByLabel('Filter requests').fill('nothing like this');
  await page.getByText('Nothing matches').waitFor();
  await page.getByRole('button', { name: 'Clear filter' }).click();
  await page.getByLabel('How it ended').selectOption('failed');
  await until('the failed one', async () => (await rows(page).count()) === 2);
  await page.reload();
  await rows(page).getByText('404').waitFor();
  assert.equal(await page.getByLabel('How it ended').inputValue(), 'failed');
  page.quiet();
  await page.context().close();
});

test('bodies are captured when that is switched on, and forgotten when it is off', async () => {
  const [page, other] = [await browser.open(hearth.base, { at: '/activity' }), await browser.open(hearth.base, { at: '/activity' })];
  const toggle = (one) => one.getByRole('switch', { name: 'Capture bodies' });
  await until('the switch', async () => (await toggle(page).getAttribute('aria-checked')) === 'false');
  await toggle(page).click();
  await until('the other window', async () => (await toggle(other).getAttribute('aria-checked')) === 'true');
  await ask('coder', { note: 'look at me' });
  await until('its row', async () => (await rows(page).nth(1).innerText()).includes('coder'));
  await rows(page).nth(1).click();
  const drawer = page.locator('.drawer');
  await drawer.getByText(/look at me/).waitFor();
  assert.ok(new URL(page.url()).searchParams.get('request'));
  await toggle(other).click();
  await until('the first window', async () => (await toggle(page).getAttribute('aria-checked')) === 'false');
  for (const one of [page, other]) {
    one.quiet();
    await one.context().close();
  }
});

test('thousands of rows: only those that are seen are there', async () => {
  for (let i = 0; i < 8; i++) await Promise.all(Array.from({ length: 50 }, () => ask('coder', { max_tokens: 1 })));
  const page = await browser.open(hearth.base, { at: '/activity' });
  await rows(page).nth(5).waitFor();
  const grid = page.getByRole('grid', { name: 'Requests' });
  assert.ok(await rows(page).count() < 60);
  await page.getByRole('button', { name: 'Show older' }).click();
  await until('more rows', async () => Number(await grid.getAttribute('aria-rowcount')) > 300);
  page.quiet();
  await page.context().close();
});

test('the page is accessible and narrow enough, in both themes', async () => {
  const broken = ask('coder', { stream: true }, SLOW).catch((error) => error);
  const [{ id }] = (await hearth.api('GET', '/api/activity?q=tiny')).data.entries;
  for (const theme of ['light', 'dark'])
    for (const [name, size] of Object.entries({ wide: WIDE, narrow: NARROW })) {
      const page = await browser.open(hearth.base, { at: '/activity', theme, size });
      await page.getByText('Answering').waitFor();
      await rows(page).nth(3).waitFor();
      await page.accessible(`${theme} ${name}`);
      await page.fitsWidth(`${theme} ${name}`);
      await page.shot(`activity-${theme}-${name}`);
      await page.goto(`${hearth.base}/activity?request=${id}`);
      await page.locator('.drawer').getByText(/written/).waitFor();
      await page.locator('.drawer').getByText(/Nothing is captured/).waitFor();
      await page.accessible(`${theme} ${name}, details`);
      await page.shot(`activity-details-${theme}-${name}`);
      await page.context().close();
    }
  const [row] = (await hearth.api('GET', '/api/activity/active')).data;
  await hearth.api('DELETE', `/api/activity/${row.id}`);
  await broken;
});

test('those that have ended are forgotten, in two windows; what is under way goes on', async () => {
  const broken = ask('coder', { stream: true }, SLOW).catch((error) => error);
  const [page, other] = [await browser.open(hearth.base, { at: '/activity' }), await browser.open(hearth.base, { at: '/activity' })];
  for (const one of [page, other]) await one.getByText('Answering').waitFor();
  await rows(other).nth(1).click();
  const drawer = other.locator('.drawer');
  await drawer.getByText(/Nothing is captured/).waitFor();
  const focused = keys(page);
  await focused.tabTo(/^Clear$/);
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Clear the activity?' });
  await dialog.getByText('All requests that have ended are forgotten').waitFor();
  await page.accessible('dialog');
  await page.shot('activity-clear');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await until('the focus back', async () => (await focused.name()) === 'Clear');
  await page.keyboard.press('Enter');
  await focused.tabTo(/^Clear it$/);
  await page.keyboard.press('Enter');
  for (const one of [page, other]) {
    await one.getByText('No request yet').waitFor();
    await one.getByText('Answering').waitFor();
  }
  await drawer.waitFor({ state: 'detached' });
  assert.equal(new URL(other.url()).searchParams.get('request'), null);
  await until('the focus back', async () => (await focused.name()) === 'Clear');
  assert.deepEqual((await hearth.api('GET', '/api/activity')).data.entries, []);
  await page.getByRole('button', { name: 'Cancel coder' }).click();
  await broken;
  for (const one of [page, other]) {
    await rows(one).getByText('Cancelled').waitFor();
    one.quiet();
    await one.context().close();
  }
});
