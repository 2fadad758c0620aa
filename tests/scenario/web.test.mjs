// The dashboard in a real browser: what happens elsewhere is seen, what is done
// here is done, signing in, the keyboard, being cut off and coming back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import { Hearth, until } from './lib/hearth.mjs';
import { keys } from './lib/keys.mjs';

const FAKE = process.env.HEARTH_FAKE_ENGINE;
const profile = (name, ...args) => ({ name, engine: 'command', restart_policy: 'never',
  command: [FAKE, '--port', '${port}', ...args] });

let browser;
let hearth;

before(async () => {
  browser = await Browser.start();
  hearth = await Hearth.start({ models: { tiny: { say: 'Hello' } } });
  assert.equal((await hearth.api('POST', '/api/profiles', profile('coder'))).status, 201);
  assert.equal((await hearth.api('POST', '/api/profiles', profile('broken', '--exit-at-start', '9'))).status, 201);
});
after(async () => {
  await browser?.stop();
  await hearth?.stop();
});

const open = (options) => browser.open(hearth.base, options);
const live = (page) => page.getByText(/^Live · Hearth/).first().waitFor();
const card = (page, name) => page.getByRole('article')
  .filter({ has: page.getByRole('heading', { name, exact: true }) });

test('the dashboard shows what the API starts, in two windows at once', async () => {
  const pages = [await open(), await open({ at: '/dashboard' })];
  for (const page of pages) {
    await live(page);
    await page.getByText('No model is loaded').waitFor();
  }
  await hearth.api('POST', '/api/servers/coder/start?wait=1');
  for (const page of pages) {
    await page.getByRole('row', { name: /coder.*Ready/ }).waitFor();
    assert.equal(new URL(page.url()).pathname, '/');
    page.quiet();
    await page.context().close();
  }
});

test('servers: stopped, started and restarted by its buttons', async () => {
  const page = await open({ at: '/servers' });
  const coder = card(page, 'coder');
  await coder.getByText('Ready').waitFor();
  await coder.getByRole('button', { name: 'Stop coder' }).click();
  await coder.getByText('Stopped').waitFor();
  await hearth.untilState('coder', 'stopped');
  await coder.getByRole('button', { name: 'Start' }).click();
  await coder.getByText('Ready').waitFor();
  const { pid, port } = await hearth.server('coder');
  assert.ok(await coder.getByText(String(port), { exact: true }).isVisible());
  await coder.getByRole('button', { name: 'Restart coder' }).click();
  await until('another process', async () => {
    const row = await hearth.server('coder');
    return row.state === 'ready' && row.pid !== pid;
  });
  await coder.getByText('Ready').waitFor();
  page.quiet();
  await page.context().close();
});

test('servers by the keyboard alone: started, its log, restarted, stopped', async () => {
  const page = await open({ at: '/servers' });
  const focused = keys(page);
  const coder = card(page, 'coder');
  await hearth.api('POST', '/api/servers/coder/stop?wait=1');
  await coder.getByText('Stopped').waitFor();
  await focused.tabTo(/^Edit coder$/);
  await page.keyboard.press('Tab');
  assert.equal(await focused.name(), 'Start');
  await page.keyboard.press('Enter');
  await coder.getByText('Ready').waitFor();
  await until('the focus to stay in its card', () =>
    coder.evaluate((node) => node.contains(node.ownerDocument.activeElement)));
  await focused.tabTo(/^Log$/);
  await page.keyboard.press('Enter');
  await coder.getByRole('log').waitFor();
  await page.keyboard.press('Enter');
  await coder.getByRole('log').waitFor({ state: 'detached' });
  const { pid } = await hearth.server('coder');
  await focused.tabBackTo(/^Restart coder$/);
  await page.keyboard.press('Enter');
  await until('another process', async () => {
    const row = await hearth.server('coder');
    return row.state === 'ready' && row.pid !== pid;
  });
  await coder.getByText('Ready').waitFor();
  await until('the focus to stay in its card', () =>
    coder.evaluate((node) => node.contains(node.ownerDocument.activeElement)));
  await focused.tabTo(/^Stop coder$/);
  await page.keyboard.press('Enter');
  await coder.getByText('Stopped').waitFor();
  await hearth.untilState('coder', 'stopped');
  await until('the focus to stay in its card', () =>
    coder.evaluate((node) => node.contains(node.ownerDocument.activeElement)));
  await page.keyboard.press('Shift+Tab');
  await focused.tabTo(/^Start$/);
  await page.keyboard.press('Enter');
  await coder.getByText('Ready').waitFor();
  page.quiet();
  await page.context().close();
});

test('servers: a failure says why, a model of the library starts', async () => {
  const page = await open({ at: '/servers' });
  const broken = card(page, 'broken');
  await broken.getByRole('button', { name: 'Start' }).click();
  await broken.getByText('Failed').waitFor();
  await broken.getByText('Exit status 9').waitFor();
  await page.getByRole('link', { name: 'Dashboard' }).first().click();
  await page.getByText('broken failed').waitFor();
  await page.getByRole('link', { name: 'See cause' }).click();
  await broken.getByRole('button', { name: 'Retry' }).waitFor();
  if (process.env.HEARTH_LLAMA_SERVER) {
    await page.getByRole('row', { name: /tiny/ }).getByRole('button', { name: 'Start' }).click();
    const tiny = card(page, 'tiny');
    await tiny.getByText('Ready').waitFor();
    await tiny.getByRole('button', { name: 'Log', exact: true }).click();
    await tiny.getByRole('log').getByText(/model/i).first().waitFor();
    await tiny.getByRole('button', { name: 'Stop tiny' }).click();
    await tiny.getByText('Stopped').waitFor();
  }
  page.quiet();
  await page.context().close();
});

test('every page in every size and theme: nothing grave for axe, nothing cut off', async () => {
  for (const theme of ['light', 'dark']) {
    for (const size of [WIDE, NARROW]) {
      for (const at of ['/', '/servers', '/nowhere']) {
        const what = `${at === '/' ? 'dashboard' : at.slice(1)}-${theme}-${size.width}`;
        const page = await open({ theme, size, at });
        await page.getByRole('heading', { level: 1 }).waitFor();
        if (at !== '/nowhere') await page.getByText('coder').first().waitFor();
        await page.shot(what);
        await page.accessible(what);
        await page.fitsWidth(what);
        page.quiet();
        await page.context().close();
      }
    }
  }
});

test('which servers are shown stands in the address; 360 px are enough', async () => {
  const page = await open({ at: '/servers', size: { width: 360, height: 640 } });
  const shown = (name) => page.getByRole('group', { name: 'Which servers' }).getByRole('button', { name });
  await shown('Down').click();
  await page.waitForURL('**/servers?show=down');
  await page.fitsWidth();
  await page.getByRole('heading', { name: 'Servers', level: 1 }).waitFor();
  await page.reload();
  await until('the choice', async () => (await shown('Down').getAttribute('aria-pressed')) === 'true');
  await shown('All').click();
  await page.waitForURL('**/servers');
  page.quiet();
  await page.context().close();
});

test('forced colours: what is pressed, chosen or full can still be told', async () => {
  const page = await open({ at: '/servers' });
  await page.emulateMedia({ forcedColors: 'active' });
  const ground = (locator) => locator.evaluate((node) => getComputedStyle(node).backgroundColor);
  const group = page.getByRole('group', { name: 'Which servers' });
  await group.waitFor();
  await until('the choice', async () => (await ground(group.locator('[aria-pressed=true]'))) !== (await ground(group.locator('[aria-pressed=false]').first())));
  await page.keyboard.press('Control+k');
  const hits = page.getByRole('option');
  await hits.nth(1).waitFor();
  assert.notEqual(await ground(hits.first()), await ground(hits.nth(1)));
  const word = (locator) => locator.evaluate((node) => getComputedStyle(node).color);
  assert.notEqual(await word(hits.first()), await ground(hits.first()));
  await page.goto(`${hearth.base}/`);
  const bar = page.locator('.stats .track').first();
  await bar.locator('i').waitFor({ state: 'attached' });
  assert.notEqual(await ground(bar), await ground(bar.locator('i')));
  page.quiet();
  await page.context().close();
});

test('the keyboard: palette, keys in a row, help', async () => {
  const page = await open();
  await live(page);
  await page.keyboard.press('g');
  await page.keyboard.press('v');
  await page.getByRole('heading', { name: 'Servers', level: 1 }).waitFor();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Command' }).fill('dash');
  await page.accessible('palette');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Dashboard' }).waitFor();
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  page.quiet();
  await page.context().close();
});

test('the theme is chosen by hand and kept, in every tab', async () => {
  const page = await open();
  await live(page);
  const other = await page.context().newPage();
  await other.goto(page.url());
  await other.getByRole('button', { name: 'Theme: system' }).waitFor();
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  await page.getByRole('button', { name: 'Theme: system' }).click();
  assert.equal(await theme(), 'light');
  await page.getByRole('button', { name: 'Theme: light' }).click();
  await page.reload();
  await page.getByRole('button', { name: 'Theme: dark' }).waitFor();
  assert.equal(await theme(), 'dark');
  await other.getByRole('button', { name: 'Theme: dark' }).waitFor();
  page.quiet();
  await page.context().close();
});

test('a one-time link signs in, and leaves the address', async () => {
  const { data } = await hearth.api('POST', '/api/session/link');
  const link = new URL(data.url);
  const page = await open({ at: `${link.pathname}${link.search}` });
  await live(page);
  assert.equal(page.url(), `${hearth.base}/`);
  const [cookie] = await page.context().cookies();
  assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite], ['hearth_session', true, 'Strict']);
  page.quiet();
  await page.context().close();
});

test('where a key is needed the page says so, refuses a wrong one, takes the right one', async () => {
  const guarded = await Hearth.start({ config: 'trusted_proxies: [127.0.0.1]' });
  try {
    const { data } = await guarded.api('POST', '/api/keys', { name: 'browser', scope: 'admin' });
    const page = await browser.open(guarded.base,
      { at: '/servers', headers: { 'X-Forwarded-For': '203.0.113.9' } });
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.accessible('sign in');
    await page.shot('sign-in');
    page.quiet();
    await page.getByLabel('Admin key').fill('hk_wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').waitFor();
    page.forgetNoise(); // the browser itself reports the 401
    await page.getByLabel('Admin key').fill(data.secret);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Servers', level: 1 }).waitFor();
    await live(page);
    page.quiet();

    // Its cookie is gone: the next answer says so.
    await page.context().clearCookies();
    await page.getByRole('link', { name: 'Activity' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.getByLabel('Admin key').fill(data.secret);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Activity', level: 1 }).waitFor();
    await page.getByText('No request yet').waitFor();

    // Its key is revoked: at once, whatever the page shows.
    await guarded.api('DELETE', `/api/keys/${data.id}`);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.context().close();
  } finally {
    await guarded.stop();
  }
});

test('under a base path every address has it', async () => {
  const below = await Hearth.start({ basePath: '/hearth', config: 'base_path: /hearth' });
  try {
    for (const at of ['/hearth/', '/hearth/servers']) {
      const page = await browser.open(below.base, { at });
      await live(page);
      await page.keyboard.press('g');
      await page.keyboard.press('v');
      await page.getByRole('heading', { name: 'Servers', level: 1 }).waitFor();
      assert.equal(page.url(), `${below.base}/hearth/servers`);
      page.quiet();
      await page.context().close();
    }
  } finally {
    await below.stop();
  }
});

test('cut off: the picture stays and says how old it is, what is asked waits; then back', async () => {
  const page = await open({ at: '/servers' });
  const coder = card(page, 'coder');
  await coder.getByText('Ready').waitFor();
  await hearth.stop({ keep: true });
  await page.getByText('The server is away.').waitFor();
  await page.getByText(/Next attempt in \d+ s/).waitFor();
  assert.ok(await coder.isVisible());
  await page.shot('offline');
  await page.accessible('offline');
  await hearth.spawn();
  await page.getByRole('button', { name: 'Try now' }).click({ timeout: 2000 }).catch(() => {});
  await live(page);
  await page.getByText('The server is away.').waitFor({ state: 'detached' });
  await until('the same state on both sides', async () => {
    const row = await hearth.server('coder');
    const word = row.state === 'ready' ? 'Ready' : 'Stopped';
    return coder.getByText(word).isVisible();
  });
  page.forgetNoise(); // the browser itself reports connections that were refused
  await page.context().close();
});
