// The dashboard in a real browser: signing in, what happens elsewhere, the keyboard,
// being cut off and coming back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import { Hearth, until } from './lib/hearth.mjs';

const FAKE = process.env.HEARTH_FAKE_ENGINE;
const profile = (name, ...args) => ({ name, engine: 'command', restart_policy: 'never',
  command: [FAKE, '--port', '${port}', ...args] });

let browser;
let hearth;

before(async () => {
  browser = await Browser.start();
  hearth = await Hearth.start({ models: { tiny: { say: 'Hello' } } });
});
after(async () => {
  await browser?.stop();
  await hearth?.stop();
});

const row = (page, name) => page.locator('article', { has: page.getByRole('heading', { name, exact: true }) });

test('what the API starts is seen without asking', async () => {
  const page = await browser.open(hearth.base);
  await page.getByRole('heading', { name: 'Dashboard' }).waitFor();
  await page.getByText('Live').first().waitFor();
  await page.getByText('No model is loaded').waitFor();
  assert.equal((await hearth.api('POST', '/api/profiles', profile('watched'))).status, 201);
  assert.equal((await hearth.api('POST', '/api/servers/watched/start')).status, 202);
  await page.getByRole('row', { name: /watched.*Ready/ }).waitFor();
  await page.shot('dashboard');
  page.quiet();
  await page.context().close();
});
