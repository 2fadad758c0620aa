// The page of downloads in a real browser, against a local origin: ordered by
// address, paused, gone on with, failed and tried again, and what has ended.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import { config } from './lib/downloads.mjs';
import { Hearth, until } from './lib/hearth.mjs';
import { keys } from './lib/keys.mjs';
import { Origin, bytesOf, sha256 } from './lib/origin.mjs';

const MIB = 1024 * 1024;
const SLOW = { pace: { bytes: 8 * 1024, ms: 25 } };
let browser;
let hearth;
let origin;
before(async () => {
  browser = await Browser.start();
  origin = await Origin.start();
  hearth = await Hearth.start({ config: config([origin], '  max_concurrent: 1\n') });
});
after(async () => {
  await browser?.stop();
  await hearth?.stop();
  await origin?.close();
});

const row = (page, name) => page.getByRole('listitem').filter({ hasText: name });

test('ordered by address, paused, resumed and finished, in two windows', async () => {
  const bytes = bytesOf('paused', 12 * MIB);
  const address = origin.file('/halted.bin', bytes, SLOW);
  const [page, other] = [await browser.open(hearth.base, { at: '/downloads' }), await browser.open(hearth.base, { at: '/downloads' })];
  await page.getByText('Nothing was downloaded yet').waitFor();
  await page.getByRole('button', { name: 'Add a download' }).click();
  const what = page.getByLabel(/^Address, or/);
  await what.fill('nowhere://x');
  await page.getByRole('button', { name: 'Download', exact: true }).click();
  await page.getByRole('alert').filter({ hasText: /\S/ }).waitFor();
  page.forgetNoise(); // the refused order
  await what.fill(address);
  await page.getByRole('button', { name: 'Download', exact: true }).click();
  for (const one of [page, other]) await row(one, 'halted.bin').getByText('Downloading').waitFor();
  await page.getByRole('button', { name: /^Pause/ }).click();
  for (const one of [page, other]) await row(one, 'halted.bin').getByText('Paused').waitFor();
  await other.getByRole('button', { name: /^Resume/ }).click();
  for (const one of [page, other]) await one.getByRole('row', { name: /halted\.bin.*Completed/ }).waitFor();
  const [download] = (await hearth.api('GET', '/api/models/downloads')).data;
  assert.equal(sha256(fs.readFileSync(download.files[0].place)), sha256(bytes));
  for (const one of [page, other]) {
    one.quiet();
    await one.context().close();
  }
});

test('a failure says why and is tried again; what waits is brought forward', async () => {
  const page = await browser.open(hearth.base, { at: '/downloads' });
  const bad = origin.file('/bad.gguf', bytesOf('bad', MIB));
  assert.equal((await hearth.api('POST', '/api/models/download', { url: bad })).status, 201);
  await row(page, 'bad.gguf').getByText('What the origin sends does not begin as a file of its kind does').waitFor();
  await page.getByRole('button', { name: 'Retry bad.gguf' }).click();
  await row(page, 'bad.gguf').getByText('Failed').waitFor();
  await page.getByRole('button', { name: 'Cancel bad.gguf' }).click();
  await page.getByRole('row', { name: /bad\.gguf.*Cancelled/ }).waitFor();
  const big = origin.file('/big.bin', bytesOf('big', 48 * MIB), SLOW);
  for (const [file, url] of [['big.bin', big], ['second.bin', origin.file('/second.bin', bytesOf('second', MIB))],
                             ['third.bin', origin.file('/third.bin', bytesOf('third', MIB))]])
    assert.equal((await hearth.api('POST', '/api/models/download', { url, filename: file })).status, 201);
  await row(page, 'third.bin').getByText('Queued').waitFor();
  await page.getByRole('button', { name: 'Bring third.bin forward' }).click();
  await until('the third as the first', async () =>
    (await page.getByRole('listitem').allInnerTexts()).findIndex((text) => text.includes('third.bin')) === 0);
  await page.getByRole('button', { name: 'Cancel big.bin' }).click();
  for (const name of ['second.bin', 'third.bin']) await page.getByRole('row', { name: new RegExp(`${name}.*Completed`) }).waitFor();
  await page.getByRole('row', { name: /big\.bin.*Cancelled/ }).waitFor();
  await page.getByLabel('Filter the history').fill('second');
  assert.equal(await page.getByRole('row').count(), 2); // the head, and it
  await page.getByLabel('Filter the history').fill('none of them');
  await page.getByText('Nothing matches').waitFor();
  await page.getByRole('button', { name: 'Clear filter' }).click();
  page.quiet();
  await page.context().close();
});

test('by the keyboard alone: ordered, halted, gone on with, cancelled, found', async () => {
  const page = await browser.open(hearth.base, { at: '/downloads' });
  const focused = keys(page);
  await page.getByRole('heading', { level: 1, name: 'Downloads' }).waitFor();
  await focused.tabTo(/^Add a download$/);
  await page.keyboard.press('Enter');
  await focused.tabTo(/^Address, or/);
  await page.keyboard.type(origin.file('/typed.bin', bytesOf('typed', 48 * MIB), SLOW));
  await page.keyboard.press('Enter');
  await row(page, 'typed.bin').getByText('Downloading').waitFor();
  await until('the focus back', async () => (await focused.name()) === 'Add a download');
  await focused.tabTo(/^Pause typed\.bin$/);
  await page.keyboard.press('Enter');
  await row(page, 'typed.bin').getByText('Paused').waitFor();
  await until('the focus to stay', async () => (await focused.name()) === 'Resume typed.bin');
  await page.keyboard.press('Enter');
  await row(page, 'typed.bin').getByText('Downloading').waitFor();
  await focused.tabTo(/^Cancel typed\.bin$/);
  await page.keyboard.press('Enter');
  await page.getByRole('row', { name: /typed\.bin.*Cancelled/ }).waitFor();
  // It ended last, and it is said when.
  const latest = page.getByRole('row').nth(1);
  assert.match(await latest.innerText(), /typed\.bin[^]*\d{1,2}:\d{2}/);
  await until('the focus on what is left', async () => (await focused.name()) !== '');
  await page.keyboard.press('/');
  await page.keyboard.type('no such name');
  await page.getByText('Nothing matches').waitFor();
  await focused.tabTo(/^Clear filter$/);
  await page.keyboard.press('Enter');
  await page.getByRole('row', { name: /typed\.bin/ }).waitFor();
  page.quiet();
  await page.context().close();
});

test('the page is accessible and narrow enough, in both themes', async () => {
  const slow = origin.file('/slow.bin', bytesOf('slow', 64 * MIB), SLOW);
  const { data } = await hearth.api('POST', '/api/models/download', { url: slow, filename: 'slow.bin' });
  for (const theme of ['light', 'dark'])
    for (const [name, size] of Object.entries({ wide: WIDE, narrow: NARROW })) {
      const page = await browser.open(hearth.base, { at: '/downloads', theme, size });
      await row(page, 'slow.bin').getByText('Downloading').waitFor();
      await page.accessible(`${theme} ${name}`);
      await page.fitsWidth(`${theme} ${name}`);
      await page.shot(`downloads-${theme}-${name}`);
      page.quiet();
      await page.context().close();
    }
  await hearth.api('DELETE', `/api/models/download/${data.task_id}`);
  assert.ok(!fs.existsSync(path.join(hearth.models, 'slow.bin')));
});

test('the history: one removed and all cleared, in two windows; files stay', async () => {
  const url = (name) => origin.file(`/${name}`, bytesOf(name, 64 * 1024));
  for (const name of ['kept-a.bin', 'kept-b.bin'])
    assert.equal((await hearth.api('POST', '/api/models/download', { url: url(name) })).status, 201);
  const bad = origin.file('/bad-too.gguf', bytesOf('bad', MIB));
  assert.equal((await hearth.api('POST', '/api/models/download', { url: bad })).status, 201);
  const [page, other] = [await browser.open(hearth.base, { at: '/downloads' }), await browser.open(hearth.base, { at: '/downloads' })];
  for (const one of [page, other]) {
    for (const name of ['kept-a', 'kept-b']) await one.getByRole('row', { name: new RegExp(`${name}\\.bin.*Completed`) }).waitFor();
    await row(one, 'bad-too.gguf').getByText('Failed').waitFor();
  }
  const ended = (await hearth.api('GET', '/api/history')).data;
  const places = ended.filter(({ status }) => status === 'completed').flatMap(({ files }) => files.map(({ place }) => place));
  assert.ok(places.length >= 2);

  const told = [];
  const stream = http.get(`${hearth.base}/api/events?types=download.removed`, (res) => res.on('data', (bytes) => told.push(String(bytes))));
  stream.on('error', () => {});
  await once(stream, 'response');

  const focused = keys(page);
  await page.getByLabel('Filter the history').focus();
  await focused.tabTo(/^Remove kept-b\.bin from the history$/);
  await page.keyboard.press('Enter');
  for (const one of [page, other]) await one.getByRole('row', { name: /kept-b\.bin/ }).waitFor({ state: 'detached' });
  await until('the focus on the next row', async () => /^Remove .* from the history$/.test(await focused.name()));
  assert.equal((await hearth.api('GET', '/api/history')).data.length, ended.length - 1);

  await focused.tabBackTo(/^Clear history$/);
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Clear the history?' });
  await dialog.getByText(`All ${ended.length - 1} downloads that have ended go`).waitFor();
  await dialog.getByText('One that failed is among them').waitFor();
  await page.accessible('dialog');
  await page.shot('downloads-clear');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await until('the focus back', async () => (await focused.name()) === 'Clear history');
  await page.keyboard.press('Enter');
  await focused.tabTo(/^Clear it$/);
  await page.keyboard.press('Enter');
  for (const one of [page, other]) await one.getByText('Nothing was downloaded yet').waitFor();
  await until('the focus on what is left', async () => (await focused.name()) !== '');
  assert.deepEqual((await hearth.api('GET', '/api/history')).data, []);
  await until('each of them on the stream', () => ended.every(({ task_id }) => told.join('').includes(`"subject":"${task_id}"`)));
  stream.destroy();
  for (const place of places) assert.ok(fs.existsSync(place), place);
  for (const one of [page, other]) {
    one.quiet();
    await one.context().close();
  }
});
