// On a phone, in a real browser: whatever can be done where it is wide can be
// done there, too, and nothing is to be scrolled sideways.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { Browser, WIDE } from './lib/browser.mjs';
import { Hearth, until } from './lib/hearth.mjs';

const PHONE = { width: 360, height: 740 };
let browser, hearth, ids;
before(async () => {
  browser = await Browser.start();
  hearth = await Hearth.start({ models: { tiny: { say: 'Hello' }, other: { say: 'Bye' } } });
  const ask = async (...request) => (await hearth.api(...request)).data;
  const { id: server } = await ask('POST', '/api/profiles', { name: 'coder', model_path: 'tiny' });
  const model = (await ask('GET', '/api/models')).find(({ name }) => name === 'other').id;
  await ask('POST', '/api/presets', { name: 'mine', text: '[*]\nctx-size = 512\n' });
  await ask('POST', '/api/keys', { name: 'laptop', scope: 'read' });
  await hearth.request('POST', '/v1/chat/completions', { body: { model: 'nobody', messages: [] } });
  const request = await until('the request', async () => (await ask('GET', '/api/activity')).entries[0]);
  ids = { server, model, request: request.id };
});
after(async () => {
  await browser?.stop();
  await hearth?.stop();
});

const open = (at, size = PHONE) => browser.open(hearth.base, { at, size });
async function close(...windows) {
  for (const one of windows) {
    one.quiet();
    await one.context().close();
  }
}

// What can be pressed, chosen or filled in: by its name, without figures.
const deeds = (page) => page.evaluate(() => {
  const nameOf = (one) => one.getAttribute('aria-label') ?? one.labels?.[0]?.innerText ?? (one.innerText || one.textContent);
  const isSeen = (one) => (one.tagName === 'OPTION' ? one.parentElement : one).checkVisibility({ visibilityProperty: true });
  return [...document.querySelectorAll('.main :is(a[href], button, input, select, option, textarea)')]
    .filter(isSeen).map((one) => nameOf(one).replace(/[\s\d]+/g, ' ').trim().toLowerCase());
});

// Done in another way on a phone, or under another name.
const elsewhere = {
  // of models
  architecture: 'sorted by architecture', params: 'sorted by parameters', quant: 'sorted by quantization',
  context: 'sorted by context', modified: 'sorted by age',
  // of a server, below its form
  'duplicate coder': 'duplicate', 'delete coder': 'delete',
};
// Behind More of the bar below; in the drawer of a model, which is one of the pages.
const apart = /^(search or run a command|favourite (other|tiny))$/;

const pages = () => [['dashboard', '/'], ['monitoring', '/monitoring'], ['activity', '/activity'],
  ['request', `/activity?request=${ids.request}`], ['logs', '/logs'], ['models', '/models'],
  ['model', `/models?model=${ids.model}`], ['grid', '/models?view=grid'], ['discover', '/discover'],
  ['downloads', '/downloads'], ['servers', '/servers'], ['edit', `/servers/${ids.server}/edit`],
  ['new', '/servers/new'], ['presets', '/presets?name=mine'], ['configuration', '/configuration'],
  ['settings', '/settings']];

test('every page: what can be done where it is wide can be done on a phone', async () => {
  for (const [what, at] of pages()) {
    const [wide, page] = [await open(at, WIDE), await open(at)];
    await wide.getByText(/^Live · Hearth/).first().waitFor();
    await until(`${what} to be there`, () => wide.evaluate(() => !document.querySelector('.skel')));
    let more = page.getByRole('button', { name: 'More filters' });
    if (what === 'model') more = page.getByRole('nothing'); // below the drawer
    let missing;
    await until(`all of ${what}`, async () => {
      if (await more.count() && await more.getAttribute('aria-pressed') === 'false') await more.click();
      const there = new Set(await deeds(page));
      missing = (await deeds(wide)).filter((name) => !there.has(name) && !there.has(elsewhere[name]) && !apart.test(name));
      if (what === 'model') assert.ok(there.has('add to favourites'));
      return missing.length === 0;
    }).catch(() => assert.deepEqual(missing, [], what));
    await page.fitsWidth(what);
    await page.shot(`phone-${what}`);
    await close(wide, page);
  }
});

test('files of the log, exports and the capture are there, and do what they say', async () => {
  const page = await open('/activity');
  const exported = async (find) => {
    const [file] = await Promise.all([page.waitForEvent('download'), find.click()]);
    return JSON.parse(fs.readFileSync(await file.path(), 'utf8'));
  };
  const named = (role) => page.getByRole(role, { name: 'Export JSON' });
  assert.equal((await exported(named('link'))).data.entries[0].model, 'nobody');
  await page.getByRole('switch', { name: 'Capture bodies' }).click();
  const isCaptured = async () => (await hearth.api('GET', '/api/settings')).data['activity.capture'].value;
  await until('the setting', isCaptured);
  await page.accessible('activity');
  await page.goto(`${hearth.base}/monitoring`);
  assert.ok(await exported(named('button')));
  await page.goto(`${hearth.base}/logs`);
  assert.ok(await exported(named('link')));
  await page.getByRole('button', { name: 'Files' }).click();
  await page.getByRole('dialog').waitFor();
  await page.accessible('files of the log');
  await page.goto(`${hearth.base}/models`);
  await page.getByRole('button', { name: 'More filters' }).click();
  await page.getByLabel('Sort by').selectOption({ label: 'Sorted by name' });
  const rows = page.getByRole('grid', { name: 'Models' }).getByRole('row');
  await until('the first', async () => /other/.test(await rows.nth(1).innerText()));
  await page.getByRole('button', { name: 'Sort descending' }).click();
  await until('the last', async () => /tiny/.test(await rows.nth(1).innerText()));
  assert.equal(new URL(page.url()).searchParams.get('sort'), '-name');
  await page.accessible('models, sorted');
  await page.shot('phone-models-sorted');
  await page.getByRole('link', { name: 'Get models' }).click();
  await page.getByRole('heading', { level: 1, name: 'Discover' }).waitFor();
  await close(page);
});

test('every other page and the commands are behind More', async () => {
  const wide = await open('/', WIDE);
  await wide.getByText(/^Live · Hearth/).first().waitFor();
  const linksOf = (of, within) => of.locator(`${within} nav a, nav${within} a`).evaluateAll((all) => all.map((one) => one.getAttribute('href')));
  const all = await linksOf(wide, '.side');
  const page = await open('/');
  await page.getByRole('button', { name: 'More', exact: true }).click();
  const there = [...await linksOf(page, '.tabbar'), ...await linksOf(page, 'dialog')];
  assert.ok(all.length > 10);
  assert.deepEqual(all.filter((href) => !there.includes(href)), []);
  await page.shot('phone-more');
  await page.accessible('more');
  await page.getByRole('button', { name: 'Search or run a command' }).click();
  await page.keyboard.type('scan model');
  await page.getByRole('option', { name: /Scan model folders/ }).waitFor();
  await page.fitsWidth('the commands');
  await page.shot('phone-palette');
  await close(wide, page);
});
