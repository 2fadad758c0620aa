// The page of presets in a real browser: a file is made, put right line by
// line, saved, seen in a second window, and deleted.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import { Hearth, until } from './lib/hearth.mjs';
import { keys } from './lib/keys.mjs';

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

const file = (name) => path.join(hearth.data, 'presets', `${name}.ini`);

test('a preset is made, put right, saved, seen elsewhere and deleted', async () => {
  const [page, other] = [await browser.open(hearth.base, { at: '/presets' }), await browser.open(hearth.base, { at: '/presets' })];
  await page.getByRole('button', { name: 'New preset' }).first().click();
  await page.getByLabel('Name of the file').fill('../bad');
  await page.getByRole('button', { name: 'Make preset' }).click();
  await page.getByRole('alert').filter({ hasText: 'name' }).waitFor(); // the reason stands at the field
  await page.getByLabel('Name of the file').fill('mine');
  await page.getByRole('button', { name: 'Make preset' }).click();
  const text = page.getByLabel('Text of mine');
  await text.waitFor();
  assert.equal(new URL(page.url()).searchParams.get('name'), 'mine');
  await other.getByRole('link', { name: /mine/ }).click();
  page.forgetNoise(); // the refused name

  await text.fill('[*]\nctx-siz = 4096\n');
  await page.getByText('1 problem', { exact: true }).waitFor();
  await page.getByText(/is it ctx-size\?/).waitFor();
  await page.getByRole('button', { name: 'Line 2' }).click();
  assert.deepEqual(await text.evaluate((area) => [area.selectionStart, area.selectionEnd]), [4, 18]);
  await page.getByRole('button', { name: 'Save' }).click({ force: true }); // refused, and says why
  assert.match(await page.getByRole('button', { name: 'Save' }).getAttribute('title'), /put right/);
  assert.ok(!fs.readFileSync(file('mine'), 'utf8').includes('ctx-siz'));
  await text.fill('[*]\nctx-size = 4096\n');
  await page.getByText('No problem found').waitFor();
  await page.keyboard.press('Control+s');
  await until('the saved file', () => fs.readFileSync(file('mine'), 'utf8') === '[*]\nctx-size = 4096\n');
  await until('the other window', async () => (await other.getByLabel('Text of mine').inputValue()).includes('4096'));

  // Asked for again while one is under way: what was typed since follows it.
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route('**/api/presets/mine', async (route) => {
    await held;
    await route.continue();
  });
  const sent = [];
  page.on('request', (one) => one.method() === 'PUT' && sent.push(one.postDataJSON().text));
  await text.fill('[*]\nctx-size = 2048\n');
  await page.keyboard.press('Control+s');
  await until('the first to be sent', () => sent.length === 1);
  await text.fill('[*]\nctx-size = 4096\n');
  await page.keyboard.press('Control+s');
  release();
  await until('both', () => sent.length === 2);
  assert.match(sent[1], /4096/);
  await until('the newer text', () => fs.readFileSync(file('mine'), 'utf8').includes('4096'));
  await page.getByText('not saved', { exact: true }).waitFor({ state: 'detached' });
  await page.unroute('**/api/presets/mine');

  // What is not saved stays, whoever saves meanwhile.
  await text.fill('[*]\nctx-size = 512\n');
  fs.writeFileSync(file('mine'), '[*]\nctx-size = 1024\n');
  await page.getByText('mine was changed elsewhere meanwhile').waitFor();
  assert.equal(await text.inputValue(), '[*]\nctx-size = 512\n');
  page.once('dialog', (dialog) => dialog.dismiss());
  await page.getByRole('link', { name: 'Servers' }).first().click();
  assert.equal(await text.inputValue(), '[*]\nctx-size = 512\n');
  await page.getByRole('button', { name: 'Show what is there now' }).click();
  assert.equal(await text.inputValue(), '[*]\nctx-size = 1024\n');

  await page.getByRole('button', { name: 'Delete mine' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete mine' }).click();
  await other.getByText('There is no preset mine').waitFor();
  assert.ok(!fs.existsSync(file('mine')));
  for (const one of [page, other]) {
    one.quiet();
    await one.context().close();
  }
});

test('what is being changed outlives its file, and makes it again', async () => {
  const make = () => hearth.api('POST', '/api/presets', { name: 'gone', text: '[*]\nctx-size = 4096\n' });
  await make();
  const page = await browser.open(hearth.base, { at: '/presets?name=gone' });
  const text = page.getByLabel('Text of gone');
  await text.fill('[*]\nctx-size = 512\n');
  await hearth.api('DELETE', '/api/presets/gone');
  await page.getByText('gone was deleted elsewhere meanwhile').waitFor();
  assert.equal(await text.inputValue(), '[*]\nctx-size = 512\n');
  await page.getByText('No problem found').waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await until('the file', () => fs.readFileSync(file('gone'), 'utf8') === '[*]\nctx-size = 512\n');
  await page.getByText('gone was deleted elsewhere meanwhile').waitFor({ state: 'detached' });

  await text.fill('[*]\nctx-size = 1\n');
  await hearth.api('DELETE', '/api/presets/gone');
  await page.getByText('gone was deleted elsewhere meanwhile').waitFor();
  await page.getByRole('button', { name: 'Undo all' }).click();
  await page.getByText('There is no preset gone').waitFor();
  page.quiet();
  await page.context().close();
});

test('by the keyboard alone: made, put right, saved, deleted', async () => {
  const page = await browser.open(hearth.base, { at: '/presets' });
  const focused = keys(page);
  await page.getByRole('heading', { level: 1, name: 'Presets' }).waitFor();
  await focused.tabTo(/^New preset$/);
  await page.keyboard.press('Enter');
  await focused.tabTo(/^Name of the file$/);
  await page.keyboard.type('typed');
  await page.keyboard.press('Enter');
  await until('the text to have the focus', async () => (await focused.name()) === 'Text of typed');
  await focused.retype('[*]\nctx-siz = 1');
  await page.getByText('1 problem', { exact: true }).waitFor();
  await focused.tabTo(/^Line 2$/);
  await page.keyboard.press('Enter');
  await page.keyboard.type('ctx-size = 256');
  await page.getByText('No problem found').waitFor();
  await focused.tabBackTo(/^Save$/);
  await page.keyboard.press('Enter');
  await until('the saved file', () => fs.readFileSync(file('typed'), 'utf8') === '[*]\nctx-size = 256');
  assert.equal(await focused.name(), 'Save');
  await focused.tabBackTo(/^Delete typed$/);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape'); // it asks first
  await until('the focus back', async () => (await focused.name()) === 'Delete typed');
  await page.keyboard.press('Enter');
  await focused.tabTo(/^Delete typed$/);
  await page.keyboard.press('Enter');
  await page.getByText('There is no preset typed').waitFor();
  assert.ok(!fs.existsSync(file('typed')));
  await until('the focus on what is left', async () => (await focused.name()) !== '');
  page.quiet();
  await page.context().close();
});

test('the page is accessible and narrow enough, in both themes', async () => {
  fs.writeFileSync(file('wrong'), '[*]\nthreadz = 1\n');
  for (const theme of ['light', 'dark'])
    for (const [name, size] of Object.entries({ wide: WIDE, narrow: NARROW })) {
      const page = await browser.open(hearth.base, { at: '/presets?name=wrong', theme, size });
      await page.getByText('1 problem', { exact: true }).waitFor();
      await page.accessible(`${theme} ${name}`);
      await page.fitsWidth(`${theme} ${name}`);
      await page.shot(`presets-${theme}-${name}`);
      page.quiet();
      await page.context().close();
    }
});
