// The page of models in a real browser: filtered, sorted and grouped by
// keyboard; a drawer with the fit of a real model; marked, moved and deleted
// while a second window looks; and ten thousand rows, of which few are drawn.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import { Hearth, until } from './lib/hearth.mjs';
import { png } from './lib/picture.mjs';

const MANY = 10000;
let browser;
let hearth;
before(async () => {
  browser = await Browser.start();
  hearth = await Hearth.start({ config: 'library:\n  hashes: true\n', models: {
    ash: { say: 'ash adder', arch: 'qwen2', type: 'Q8_0', ctx: 2048, layers: 3 },
    birch: { say: 'birch bear', ctx: 512 },
    cedar: { say: 'cedar crane', type: 'F16', layers: 6 } } });
  const loras = path.join(hearth.models, 'loras');
  fs.mkdirSync(loras);
  for (const [name, base] of [['pixel', 'SDXL 1.0'], ['grain', 'SDXL 1.0'], ['rooms', 'Flux.1']]) {
    const head = JSON.stringify({ __metadata__: { of: name } });
    const bytes = Buffer.alloc(8 + head.length);
    bytes.writeBigUInt64LE(BigInt(head.length));
    bytes.write(head, 8);
    fs.writeFileSync(path.join(loras, `${name}.safetensors`), bytes);
    fs.writeFileSync(path.join(loras, `${name}.civitai.info`), JSON.stringify({
      id: 12, modelId: 7, name: 'v2', baseModel: base, trainedWords: ['pixel art', '16-bit'],
      description: '<p>A <b>style</b>.</p>', creator: { username: 'someone' }, model: { name: `Style ${name}`, tags: ['style'] } }));
  }
  fs.writeFileSync(path.join(loras, 'pixel.preview.png'), png(96, 144));
  fs.writeFileSync(path.join(loras, 'rooms.png'), png(144, 96));
  await scan();
});
after(async () => {
  await browser?.stop();
  await hearth?.stop();
});

const scan = async () => assert.equal((await hearth.api('POST', '/api/models/scan')).status, 200);
const known = async () => (await hearth.api('GET', '/api/models')).data;
const idOf = async (name) => (await known()).find((model) => model.name === name).id;
const row = (page, name) => page.getByRole('row', { name });
const names = (page) => page.locator('[role=row] .name').allTextContents();
const drawer = (page) => page.getByRole('complementary').filter({ has: page.getByRole('button', { name: 'Close details' }) });
const close = async (...pages) => {
  for (const page of pages) {
    page.quiet();
    await page.context().close();
  }
};

test('filtered, sorted and grouped by keyboard; the address tells it again', async () => {
  const page = await browser.open(hearth.base, { at: '/models' });
  await row(page, /ash/).waitFor();
  assert.deepEqual((await names(page)), ['ash', 'birch', 'cedar', 'grain', 'pixel', 'rooms']);
  await page.keyboard.press('/');
  await page.keyboard.type('sdxl');
  await until('two rows', async () => (await names(page)).join() === 'grain,pixel');
  await page.keyboard.press('Escape');
  await until('all rows', async () => (await names(page)).length === 6);
  await page.getByRole('button', { name: 'Size' }).focus();
  await page.keyboard.press('Enter');
  await until('the largest first', async () => (await names(page))[0] === 'cedar');
  assert.equal(await page.getByRole('columnheader', { name: 'Size' }).getAttribute('aria-sort'), 'descending');
  await page.keyboard.press('Enter');
  await until('the smallest first', async () => (await names(page)).at(-1) === 'cedar');
  await page.getByLabel('Group by').selectOption('base_model');
  await page.getByText('Flux.1').first().waitFor();
  assert.deepEqual(await page.locator('[role=row] .strong').allTextContents(), ['Flux.1', 'SDXL 1.0', 'Unknown base model']);
  const asked = new URL(page.url());
  assert.equal(asked.search, '?group=base_model&sort=size_bytes');

  await page.locator('[role=row][tabindex="0"]').focus(); // arrows pass over headings
  for (const key of ['ArrowDown', 'ArrowDown', 'Home', 'End', 'ArrowUp', 'Enter']) await page.keyboard.press(key);
  await drawer(page).getByRole('heading', { name: 'birch' }).or(drawer(page).getByRole('heading', { name: 'ash' })).waitFor();
  assert.ok(new URL(page.url()).searchParams.get('model'));
  const again = await browser.open(hearth.base, { at: page.url().slice(hearth.base.length) });
  await drawer(again).getByRole('heading', { level: 2 }).waitFor();
  assert.equal(await again.getByLabel('Group by').inputValue(), 'base_model');
  await page.keyboard.press('Escape');
  await drawer(page).waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('role')), 'row'); // focus is back

  await page.goto(`${hearth.base}/models?q=nothing-like-that`);
  await page.getByText('Nothing matches').waitFor();
  await page.getByRole('button', { name: 'Clear filter' }).first().click();
  await row(page, /ash/).waitFor();
  await close(page, again);
});

test('the drawer: fit first, then what is known, trigger words, tags, the page at Civitai', async () => {
  const page = await browser.open(hearth.base, { at: `/models?model=${await idOf('ash')}` });
  const body = drawer(page);
  await body.getByRole('img', { name: /Weights/ }).first().waitFor();
  assert.match(await body.getByRole('heading', { name: /Memory fit/ }).textContent(), /2.048 tokens/);
  const before = await body.getByRole('img', { name: /Weights/ }).first().getAttribute('aria-label');
  await body.getByRole('slider', { name: 'Context' }).focus();
  await page.keyboard.press('ArrowLeft');
  await body.getByRole('heading', { name: /1.024 tokens/ }).waitFor();
  assert.notEqual(await body.getByRole('img', { name: /Weights/ }).first().getAttribute('aria-label'), before);
  await body.getByLabel('Requests at once').selectOption('2');
  await body.getByText('2 slots').waitFor();
  await body.getByText('qwen2, 3 layers, 4 heads, 2 KV heads').waitFor();

  await body.getByLabel('New tag').fill('tree');
  await page.keyboard.press('Enter');
  await body.getByRole('button', { name: 'Remove tag tree' }).waitFor();
  await body.getByRole('button', { name: 'Set', exact: true }).click();
  await body.getByLabel('Address of the page').fill('https://civitai.com/images/1');
  await page.keyboard.press('Enter');
  await body.getByRole('alert').filter({ hasText: /no page of a model/ }).waitFor();
  page.forgetNoise(); // the refused address
  await body.getByLabel('Address of the page').fill('https://civitai.com/models/7');
  await page.keyboard.press('Enter');
  await body.getByRole('link', { name: 'https://civitai.com/models/7' }).waitFor();
  const { data } = await hearth.api('GET', `/api/models/${await idOf('ash')}`);
  assert.deepEqual([data.tags, data.civitai_model_id], [['tree'], 7]);

  await page.goto(`${hearth.base}/models?view=grid&group=base_model&kind=image&model=${await idOf('pixel')}`);
  await drawer(page).getByRole('button', { name: 'Copy pixel art' }).waitFor();
  await drawer(page).getByText('someone').waitFor();
  await page.getByRole('heading', { name: 'SDXL 1.0' }).waitFor();
  await page.getByRole('button', { name: 'rooms, LoRA' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await drawer(page).getByRole('heading', { name: 'grain' }).waitFor();
  await close(page);
});

test('tiles and the drawer show the picture beside a model, a glyph where there is none', async () => {
  const at = '/models?view=grid&group=base_model&kind=image';
  const tile = (page, name) => page.getByRole('button', { name: `${name}, LoRA` });
  const isShown = (where) => until('the picture', () => where.locator('img').evaluate((node) => node.complete && node.naturalWidth > 0));
  const page = await browser.open(hearth.base, { at });
  for (const name of ['pixel', 'rooms']) await isShown(tile(page, name));
  assert.equal(await tile(page, 'grain').locator('img').count(), 0);
  assert.equal(await tile(page, 'grain').locator('svg').count(), 1);
  const { width, height } = await tile(page, 'pixel').locator('.pv').boundingBox();
  assert.ok(Math.abs(width - height) < 1, `${width} × ${height}`); // whatever the picture's shape is
  await tile(page, 'pixel').click();
  await isShown(drawer(page));
  assert.ok((await drawer(page).locator('img').boundingBox()).height > 200);
  const answer = await hearth.request('GET', `/api/models/${await idOf('pixel')}/preview`);
  assert.deepEqual([answer.status, answer.headers['content-type'], answer.headers['x-content-type-options']], [200, 'image/png', 'nosniff']);
  const again = await hearth.request('GET', `/api/models/${await idOf('pixel')}/preview`, { headers: { 'If-None-Match': answer.headers.etag } });
  assert.equal(again.status, 304);

  // A page is no picture, whatever it is called.
  const fake = path.join(hearth.models, 'loras', 'grain.png');
  fs.writeFileSync(fake, '<!doctype html><script>document.title = "no"</script>');
  const refused = page.waitForResponse((response) => response.url().endsWith('/preview') && response.status() === 415);
  await scan();
  await refused;
  await tile(page, 'grain').locator('svg').waitFor();
  page.forgetNoise(); // the refused picture
  await page.goto(`${hearth.base}/api/models/${await idOf('pixel')}/preview`);
  assert.equal(await page.evaluate(() => self.origin), 'null'); // sandboxed
  fs.rmSync(fake);
  await scan();
  page.forgetNoise();
  await close(page);
  for (const theme of ['light', 'dark']) {
    const shown = await browser.open(hearth.base, { at, theme });
    for (const name of ['pixel', 'rooms']) await isShown(tile(shown, name));
    await shown.accessible(`previews ${theme}`);
    await shown.shot(`models-previews-${theme}`);
    await tile(shown, 'rooms').click();
    await isShown(drawer(shown));
    await shown.shot(`models-previews-drawer-${theme}`);
    await shown.setViewportSize(NARROW);
    await shown.fitsWidth(`previews ${theme} narrow`);
    await shown.shot(`models-previews-${theme}-narrow`);
    await close(shown);
  }
});

test('loaded from the drawer, which leads to its servers', async () => {
  const page = await browser.open(hearth.base, { at: `/models?model=${await idOf('ash')}` });
  await drawer(page).getByRole('button', { name: 'Load', exact: true }).click();
  await drawer(page).getByRole('button', { name: 'Unload' }).waitFor();
  await row(page, /ash.*Ready/).waitFor({ timeout: 30000 });
  await drawer(page).getByRole('button', { name: 'Delete' }).click(); // in use: it says so
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: /^Delete 1 file/ }).click();
  await dialog.getByRole('alert').filter({ hasText: 'stop that first' }).waitFor();
  page.forgetNoise(); // the refused delete
  await dialog.getByRole('button', { name: 'Keep it' }).click();
  await drawer(page).getByRole('button', { name: 'Unload' }).click();
  await drawer(page).getByRole('button', { name: 'Load', exact: true }).waitFor({ timeout: 30000 });
  await drawer(page).getByRole('link', { name: 'New server' }).click();
  await page.getByRole('heading', { name: 'New server', level: 1 }).waitFor();
  assert.equal(new URL(page.url()).searchParams.get('model'), await idOf('ash'));
  const made = await hearth.api('PUT', `/api/models/${await idOf('ash')}/profile`, {});
  await page.goto(`${hearth.base}/models?model=${await idOf('ash')}`);
  assert.match(await drawer(page).getByRole('link', { name: 'ash', exact: true }).getAttribute('href'), new RegExp(made.data.id));
  await close(page);
});

test('servers are offered for what a server can load, not for image models', async () => {
  const page = await browser.open(hearth.base, { at: '/servers' });
  const offered = page.getByRole('region', { name: 'From the library' });
  await offered.getByRole('row', { name: /birch/ }).waitFor();
  assert.equal(await offered.getByRole('row', { name: /grain|pixel|rooms/ }).count(), 0);
  await close(page);
});

test('a favourite in two windows, and taken back where it is refused', async () => {
  const [page, other] = [await browser.open(hearth.base, { at: '/models' }), await browser.open(hearth.base, { at: '/models?favourite=1' })];
  await other.getByText('Nothing matches').waitFor();
  await page.getByRole('button', { name: 'Favourite birch' }).click();
  await row(other, /birch/).waitFor();
  await other.getByRole('button', { name: 'Favourite birch' }).click();
  await other.getByText('Nothing matches').waitFor();
  await page.route('**/api/models/*', (route) => (route.request().method() === 'PUT'
    ? route.fulfill({ status: 409, json: { success: false, error: { code: 'conflict', message: 'not now' } } }) : route.continue()));
  await page.getByRole('button', { name: 'Favourite cedar' }).click();
  await page.getByRole('alert').filter({ hasText: 'not now' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Favourite cedar' }).getAttribute('aria-pressed'), 'false');
  page.forgetNoise(); // the refused mark
  await close(page, other);
});

test('several move at once; those that cannot say why', async () => {
  const page = await browser.open(hearth.base, { at: '/models?kind=image' });
  await row(page, /grain/).waitFor();
  await page.locator('[role=row][tabindex="0"]').focus();
  await page.keyboard.press(' ');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press(' ');
  await page.getByText('2 selected').waitFor();
  const archived = path.join(hearth.models, 'archive', 'loras');
  fs.mkdirSync(archived, { recursive: true });
  fs.writeFileSync(path.join(archived, 'pixel.safetensors'), 'in the way');
  await page.getByRole('button', { name: 'Move to archive' }).click();
  await page.getByRole('alert').filter({ hasText: /1 moved, 1 stayed.*pixel.*exists/ }).waitFor();
  await row(page, /grain.*Archive/).waitFor();
  assert.ok(fs.existsSync(path.join(archived, 'grain.civitai.info')));
  await page.getByText('1 selected').waitFor();
  await page.accessible('selected');
  await page.shot('models-selected');
  await page.getByRole('button', { name: 'Select none' }).click();
  await close(page);
  fs.rmSync(archived, { recursive: true });
});

test('of two places one is moved, one deleted, and the rest with a last look', async () => {
  const copy = path.join(hearth.models, 'copy.gguf');
  const original = path.join(hearth.models, 'cedar.gguf');
  fs.copyFileSync(original, copy);
  const [page, other] = [await browser.open(hearth.base, { at: '/models' }), await browser.open(hearth.base, { at: '/models' })];
  await page.getByRole('button', { name: 'Scan folders' }).click();
  for (const one of [page, other]) await row(one, /cedar.*2×/).waitFor();
  await row(page, /cedar/).click();
  await drawer(page).getByText('Lies in 2 places').waitFor();

  await drawer(page).getByRole('button', { name: 'Move' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('radio', { name: copy }).check();
  await page.shot('models-move');
  await dialog.getByRole('button', { name: 'Move to archive' }).click();
  const there = path.join(hearth.models, 'archive', 'copy.gguf');
  await drawer(page).getByText(`Moved to ${there}`).waitFor();
  await drawer(page).getByRole('listitem').filter({ hasText: there }).waitFor();
  assert.ok(fs.existsSync(there) && !fs.existsSync(copy) && fs.existsSync(original));

  await drawer(page).getByRole('button', { name: 'Delete' }).click();
  await dialog.getByRole('radio', { name: 'All 2 places' }).check();
  await dialog.getByRole('button', { name: /^Delete 2 files/ }).waitFor();
  await dialog.getByRole('radio', { name: original }).check();
  await dialog.getByRole('listitem').filter({ hasText: original }).waitFor();
  await page.accessible('delete');
  await page.shot('models-delete');
  await dialog.getByRole('button', { name: /^Delete 1 file,/ }).click();
  await dialog.waitFor({ state: 'detached' });
  await until('one place', async () => (await known()).find((model) => model.path === there)?.n_locations === 1);
  assert.ok(!fs.existsSync(original));
  await drawer(page).getByRole('button', { name: 'Delete' }).click();
  await dialog.getByRole('button', { name: /^Delete 1 file,/ }).click();
  for (const one of [page, other]) await row(one, /cedar|copy/).waitFor({ state: 'detached' });
  await drawer(page).waitFor({ state: 'detached' });
  assert.ok(!fs.existsSync(there));
  await close(page, other);
});

test('the palette opens a model from any page', async () => {
  const page = await browser.open(hearth.base, { at: '/servers' });
  await page.getByRole('link', { name: /Models/ }).first().waitFor();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Command' }).fill('open birch');
  await page.getByRole('option', { name: 'Open birch' }).waitFor();
  await page.keyboard.press('Enter');
  await drawer(page).getByRole('heading', { name: 'birch' }).waitFor();
  await close(page);
});

test('the page is accessible and narrow enough, in both themes', async () => {
  const id = await idOf('ash');
  const sizes = { wide: WIDE, narrow: NARROW, 768: { width: 768, height: 900 }, 1180: { width: 1180, height: 800 }, xl: { width: 1680, height: 900 } };
  const looks = [
    ['table', '/models?group=kind', (page) => row(page, /ash/)],
    ['drawer', `/models?model=${id}`, (page) => drawer(page).getByRole('img', { name: /Weights/ }).first()],
    ['grid', `/models?view=grid&group=base_model&kind=image&model=${await idOf('pixel')}`, (page) => drawer(page).getByText('Base model')],
    ['nothing', '/models?q=zzz', (page) => page.getByText('Nothing matches')],
  ];
  for (const theme of ['light', 'dark']) {
    const page = await browser.open(hearth.base, { at: '/models', theme });
    for (const [what, at, ready] of looks) {
      await page.goto(hearth.base + at);
      await ready(page).waitFor();
      for (const [name, size] of Object.entries(sizes)) {
        await page.setViewportSize(size);
        if (size === WIDE || size === NARROW) await page.accessible(`${what} ${theme} ${name}`);
        await page.fitsWidth(`${what} ${theme} ${name}`);
        await page.shot(`models-${what}-${theme}-${name}`);
      }
    }
    await close(page);
  }
});

test('cut off: the picture stays, what changes something waits; then back', async () => {
  const own = await Hearth.start({ models: { ash: { say: 'ash adder' }, birch: { say: 'birch bear' } } });
  try {
    const [{ id }] = (await own.api('GET', '/api/models')).data;
    const page = await browser.open(own.base, { at: `/models?model=${id}` });
    await drawer(page).getByText('Fits').waitFor();
    await own.kill9();
    await page.getByText('The server is away.').waitFor();
    for (const name of ['Scan folders', 'Load', 'Delete', 'Move to archive'])
      await page.getByRole('button', { name: `${name} (waits for the server)`, exact: true }).waitFor();
    await page.getByLabel('Filter models').fill('birch');
    await until('one row', async () => (await names(page)).join() === 'birch');
    await page.shot('models-offline');
    await own.spawn();
    await page.getByRole('button', { name: 'Load', exact: true }).and(page.locator(':not([aria-disabled])')).waitFor({ timeout: 30000 });
    page.forgetNoise(); // the connection that broke
    await close(page);
  } finally {
    await own.stop();
  }
});

test('an empty library says what it is for', async () => {
  const empty = await Hearth.start();
  const page = await browser.open(empty.base, { at: '/models' });
  await page.getByText('No model yet').waitFor();
  await page.accessible('empty');
  await page.shot('models-empty');
  await page.goto(empty.base);
  await page.getByRole('region', { name: 'First steps' }).getByRole('link', { name: 'chat' }).click();
  await page.getByRole('heading', { name: 'Chat', level: 1 }).waitFor();
  await close(page);
  await empty.stop();
});

test('ten thousand rows: only those that are seen are drawn', async () => {
  const large = await Hearth.start({ config: 'library:\n  hashes: false\n' });
  try {
    const folder = path.join(large.models, 'loras');
    fs.mkdirSync(folder);
    for (let i = 0; i < MANY; i += 1) fs.writeFileSync(path.join(folder, `m${String(i).padStart(5, '0')}.ckpt`), 'x');
    assert.equal((await large.api('POST', '/api/models/scan')).status, 200);
    const page = await browser.open(large.base, { at: '/models' });
    await page.getByRole('grid', { name: 'Models' }).waitFor({ timeout: 30000 });
    const grid = page.getByRole('grid', { name: 'Models' });
    assert.equal(await grid.getAttribute('aria-rowcount'), String(MANY + 1));
    assert.ok((await page.getByRole('row').count()) < 60);
    await page.locator('[role=row][tabindex="0"]').focus();
    await page.keyboard.press('End');
    await row(page, /m09999/).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-rowindex')), String(MANY + 1));
    assert.ok((await page.getByRole('row').count()) < 60);
    // Scrolled evenly, most frames are as short as the screen's.
    const median = await grid.evaluate(async (node) => {
      const times = [];
      let last = await new Promise(requestAnimationFrame);
      for (let i = 0; i < 90; i += 1) {
        node.scrollTop = i * 100;
        const now = await new Promise(requestAnimationFrame);
        times.push(now - last);
        last = now;
      }
      return times.toSorted((a, b) => a - b)[45];
    });
    assert.ok(median < 40, `a frame takes ${median} ms`); // 16.7 where nothing else runs
    await page.keyboard.press('/');
    await page.keyboard.type('m0123');
    await until('ten rows', async () => (await names(page)).length === 10);
    await page.keyboard.press('Escape');
    // What comes meanwhile is there once the scan has ended; until then it says how far that is.
    for (let i = 0; i < 500; i += 1) fs.writeFileSync(path.join(folder, `n${i}.ckpt`), 'x');
    await page.getByRole('button', { name: 'Scan folders' }).click();
    await page.getByRole('progressbar', { name: 'The folders are being scanned' }).waitFor();
    await until('the new rows', async () => (await grid.getAttribute('aria-rowcount')) === String(MANY + 501));
    await page.getByRole('progressbar', { name: 'The folders are being scanned' }).waitFor({ state: 'detached' });
    await close(page);
  } finally {
    await large.stop();
  }
});
