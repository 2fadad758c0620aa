// The page that searches the hubs in a real browser, against fake hubs: found,
// opened, weighed, downloaded, on disk, in two windows; what is refused, what
// fails, addresses, and all of it by keyboard.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import { shardName, split } from './lib/gguf.mjs';
import { Hearth, writeModel } from './lib/hearth.mjs';
import { Hub } from './lib/hub.mjs';

const TOKEN = 'hf_seesItAllXXXXXXXXXXXXXXXXXXXXXXX', OTHER = 'hf_seesNothingYYYYYYYYYYYYYYYYYYYY';
const SLOW = { bytes: 128 * 1024, ms: 25 };
let browser, hub, hearth;
const daemons = [];

async function start(env = {}) {
  const daemon = await Hearth.start({ env: { ...hub.env, ...env } });
  daemons.push(daemon);
  return daemon;
}

before(async () => {
  browser = await Browser.start();
  const lora = Buffer.from(`\x08\0\0\0\0\0\0\0{}      ${'x'.repeat(3000)}`, 'latin1');
  hub = await Hub.open({
    tokens: { [TOKEN]: { name: 'tester', sees: ['meta/gated'] }, [OTHER]: { name: 'other', sees: [] } },
    civitai: { models: [{ id: 101, name: 'Paper Cut', type: 'LORA', creator: 'scissors', downloads: 30, likes: 4, versions: [
      { id: 2002, name: 'v2', trainedWords: ['papercut'], files: [
        { id: 1, name: 'papercut.safetensors', primary: true, bytes: lora },
        { id: 2, name: 'papercut.ckpt', format: 'PickleTensor', bytes: Buffer.alloc(600, 7) }] },
      { id: 2001, name: 'v1', files: [{ id: 3, name: 'papercut-v1.safetensors', primary: true, bytes: lora.subarray(0, 2000) }] }] }] },
  });
  hearth = await start();
  const made = (options) => {
    const file = path.join(hearth.dir, 'made.gguf');
    writeModel(file, { say: 'one two three', force: true, ...options });
    const bytes = fs.readFileSync(file);
    fs.rmSync(file);
    return bytes;
  };
  const small = made({ ctx: 8192, type: 'Q8_0' });
  const large = made({ dim: 1024, ffn: 4096, layers: 1, heads: 16, type: 'F16' }); // 24 MiB
  const add = (id, files, more = {}) => {
    hub.huggingface.repos[id] = { files, tags: ['gguf', 'text-generation'], library: 'gguf', ...more };
    hub.huggingface.complete(id, hub.huggingface.repos[id]);
  };
  add('some-org/tiny-GGUF', {
    'tiny-Q8_0.gguf': small, 'mmproj-tiny-F16.gguf': Buffer.concat([Buffer.from('GGUF'), Buffer.alloc(5000)]),
    ...Object.fromEntries(split(large, 2).map((bytes, i) => [shardName('tiny-F16', i, 2), bytes])),
    'README.md': Buffer.from('# tiny') }, { downloads: 1_234_567, likes: 7 });
  add('meta/gated-GGUF', { 'g-Q8_0.gguf': small }, { gated: 'manual', downloads: 300 });
  for (let i = 0; i < 25; i += 1) add(`many-org/model-${i}`, { 'm-Q8_0.gguf': small }, { downloads: 200 - i });
});
after(async () => {
  await browser?.stop();
  for (const daemon of daemons) await daemon.stop();
  await hub?.close();
});

const result = (page, name) => page.getByRole('article').filter({ hasText: name });
const head = (page, name) => page.getByRole('button', { name, exact: true });
const row = (page, name) => page.getByRole('row', { name });
async function search(page, words) {
  await page.getByLabel('Search models').fill(words);
  await page.keyboard.press('Enter');
}
async function close(...pages) {
  for (const page of pages) {
    page.quiet();
    await page.context().close();
  }
}

test('found, opened, weighed, downloaded and on disk, in two windows', async () => {
  const n = hub.huggingface.server.log.length;
  const page = await browser.open(hearth.base, { at: '/discover' });
  await page.getByText('No hub is asked before that').waitFor();
  assert.equal(hub.huggingface.server.log.length, n);
  await search(page, 'tiny');
  await head(page, 'some-org/tiny-GGUF').click();
  await page.getByText('1.2\u2009M').waitFor();
  assert.deepEqual([...new URL(page.url()).searchParams], [['q', 'tiny'], ['open', 'some-org/tiny-GGUF']]);
  const other = await browser.open(hearth.base, { at: new URL(page.url()).pathname + new URL(page.url()).search });
  for (const one of [page, other]) {
    await row(one, /^Q8_0.*Fits/).waitFor();
    await row(one, /^F16 suggested 2 parts.*MiB.*Fits/).waitFor();
    await one.getByText(/its projector:\s+mmproj-tiny-F16\.gguf/).waitFor();
    assert.equal(await one.getByText('suggested').count(), 1);
  }
  hub.storage.pace = SLOW;
  await page.getByRole('button', { name: 'Download F16' }).click();
  for (const one of [page, other]) {
    await row(one, /^F16.*Downloading \d+/).waitFor();
    await one.getByRole('progressbar', { name: 'Download of F16' }).waitFor();
    await one.getByText(/MiB\/s/).first().waitFor();
  }
  await page.shot('discover-downloading');
  hub.storage.pace = null;
  for (const one of [page, other]) {
    await row(one, /^F16.*On disk/).waitFor();
    await result(one, 'tiny-GGUF').getByText('In library').waitFor();
    assert.equal(await row(one, /^Q8_0.*On disk/).count(), 0);
  }
  // Cancelled, it can be ordered again.
  hub.storage.pace = { bytes: 1024, ms: 50 };
  await other.getByRole('button', { name: 'Download Q8_0' }).click();
  await page.getByRole('button', { name: 'Cancel Q8_0' }).click();
  for (const one of [page, other]) await one.getByRole('button', { name: 'Download Q8_0' }).waitFor();
  hub.storage.pace = null;
  await close(page, other);
});

test('filters and order stand in the address; there is more', async () => {
  const page = await browser.open(hearth.base, { at: '/discover?author=many-org' });
  await head(page, 'many-org/model-0').waitFor();
  assert.equal(await page.getByRole('article').count(), 20);
  await page.getByText('20 and more on Hugging Face').waitFor();
  await page.getByRole('button', { name: 'Show more' }).click();
  await head(page, 'many-org/model-24').waitFor();
  await page.getByText('25 on Hugging Face').waitFor();
  await page.getByLabel('Access').selectOption('1');
  await page.getByText('Nothing on the first page matches').waitFor(); // its rows are left out one by one
  await page.getByRole('button', { name: 'Show more' }).click();
  await page.getByText('Nothing matches').waitFor();
  assert.equal(new URL(page.url()).searchParams.get('gated'), '1');
  await page.getByRole('button', { name: 'Clear filter' }).first().click();
  await search(page, 'gated');
  await page.getByLabel('Format').selectOption('mlx');
  await page.getByText('Nothing matches').waitFor();
  await page.goBack();
  await page.getByText('Models from Hugging Face and Civitai').waitFor();
  await close(page);
});

test('gated: without a token, with one that has no access, and with access', async () => {
  const [refused, allowed] = [await start({ HF_TOKEN: OTHER }), await start({ HF_TOKEN: TOKEN })];
  for (const [daemon, title] of [[hearth, 'meta/gated-GGUF is gated, and Hearth has no token'],
                                 [refused, "meta/gated-GGUF is gated, and Hearth's token has no access"]]) {
    const page = await browser.open(daemon.base, { at: '/discover?q=gated&open=meta%2Fgated-GGUF' });
    await page.getByText('Gated', { exact: true }).last().waitFor();
    await page.getByRole('alert').getByText(title).waitFor();
    assert.equal(await page.getByRole('link', { name: 'Its page on Hugging Face' }).getAttribute('href'),
                 `${hub.huggingface.url}/meta/gated-GGUF`);
    if (daemon === refused) {
      hub.huggingface.tokens[OTHER].sees.push('meta/gated-GGUF'); // the terms are accepted
      await page.getByRole('button', { name: 'Try again' }).click();
      await row(page, /^Q8_0.*Fits/).waitFor();
    }
    page.forgetNoise(); // what was refused
    await close(page);
  }
  const bad = await start({ HF_TOKEN: 'hf_noSuchTokenZZZZZZZZZZZZZZZZZZZZZ' });
  const page = await browser.open(bad.base, { at: '/discover?q=tiny' });
  await page.getByRole('alert').getByText("The hub refuses Hearth's token").waitFor();
  page.forgetNoise();
  await close(page);
  assert.equal((await allowed.api('GET', '/api/hub/models/meta/gated-GGUF')).data.gated, true);
});

test('a search that fails says why, and offline is no failure', async () => {
  const page = await browser.open(hearth.base, { at: '/discover' });
  hub.huggingface.limit(1, { 'Retry-After': '7' });
  await search(page, 'tiny');
  await page.getByText('Hugging Face could not be searched').waitFor();
  await page.getByText(/7 s/).waitFor();
  await page.getByRole('button', { name: 'Try again' }).click();
  await head(page, 'some-org/tiny-GGUF').waitFor();
  page.forgetNoise();
  await close(page);
  const offline = await start({ HF_HUB_OFFLINE: '1' });
  const other = await browser.open(offline.base, { at: '/discover?q=tiny' });
  await other.getByText('Hearth is set to stay offline').waitFor();
  other.forgetNoise();
  await close(other);
});

test('names and addresses of both hubs are understood', async () => {
  const page = await browser.open(hearth.base, { at: '/discover' });
  const { huggingface, civitai } = hub;
  for (const text of ['some-org/tiny-GGUF:q8_0', 'https://huggingface.co/some-org/tiny-GGUF/blob/main/tiny-Q8_0.gguf',
                      `${huggingface.url}/some-org/tiny-GGUF/resolve/main/tiny-Q8_0.gguf`]) {
    await search(page, text);
    await page.locator('tr[aria-selected=true]').filter({ hasText: 'Q8_0' }).getByText('Fits').waitFor();
    await search(page, '');
    await page.getByRole('button', { name: 'many-org/model-3', exact: true }).waitFor();
  }
  for (const text of ['https://civitai.com/models/101/paper-cut', `${civitai.url}/models/101`,
                      `${civitai.url}/api/download/models/2002`, 'civitai.com/models/101?modelVersionId=2002']) {
    await search(page, text);
    await row(page, /^papercut\.ckpt/).waitFor();
    await page.getByText('Trigger words: papercut').waitFor();
    await search(page, '');
    await page.getByRole('button', { name: 'many-org/model-3', exact: true }).waitFor();
  }
  await search(page, 'https://civitai.com/models/101?modelVersionId=2001');
  await row(page, /^papercut-v1\.safetensors/).waitFor();
  await page.getByRole('button', { name: 'Civitai', exact: true }).click();
  await search(page, 'paper');
  await head(page, 'scissors/Paper Cut').click();
  await page.getByRole('button', { name: 'Download papercut.safetensors' }).click();
  await row(page, /^papercut\.safetensors.*On disk/).waitFor();
  await search(page, 'nobody/nothing');
  page.forgetNoise();
  await close(page);
});

test('the first screen of an empty install finds models that fit, and downloads one', async () => {
  const small = hub.huggingface.repos['meta/gated-GGUF'].files['g-Q8_0.gguf'].bytes;
  for (const id of ['ggml-org/Qwen3-0.6B-GGUF', 'ggml-org/gemma-3-4b-it-GGUF']) {
    hub.huggingface.repos[id] = { files: { 'one-Q4_K_M.gguf': small }, isUnlisted: true };
    hub.huggingface.complete(id, hub.huggingface.repos[id]);
  }
  const empty = await start();
  const page = await browser.open(empty.base);
  await page.getByRole('button', { name: 'Find models that fit' }).click();
  await page.getByRole('heading', { name: 'Qwen3 0.6B' }).waitFor();
  page.forgetNoise(); // those that this hub does not have
  for (const theme of ['light', 'dark']) {
    await page.theme(theme);
    await page.accessible(`first run ${theme}`);
    await page.shot(`discover-first-run-${theme}`);
  }
  assert.equal(await page.getByRole('link', { name: 'Search Hugging Face and Civitai' }).getAttribute('href'), '/discover');
  hub.storage.pace = { bytes: 8 * 1024, ms: 100 };
  await page.getByRole('button', { name: 'Download Gemma 3 4B' }).click();
  await page.getByRole('progressbar', { name: 'Download of Gemma 3 4B' }).waitFor();
  hub.storage.pace = null;
  await page.getByText('No model is here yet').waitFor({ state: 'detached' });
  await page.setViewportSize(NARROW);
  await page.fitsWidth('first run');
  page.quiet();
  await page.context().close();
});

test('by keyboard alone', async () => {
  const page = await browser.open(hearth.base);
  await page.getByText(/^Live · Hearth/).first().waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('i');
  await page.getByText('No hub is asked before that').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('model-1');
  await page.keyboard.press('Enter');
  await head(page, 'many-org/model-1').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await row(page, /^Q8_0.*Fits/).waitFor();
  assert.equal(new URL(page.url()).searchParams.get('open'), 'many-org/model-10');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await row(page, /^Q8_0.*On disk/).waitFor();
  await page.keyboard.press('Shift+Tab');
  await head(page, 'many-org/model-10').focus();
  await page.keyboard.press('Escape');
  await row(page, /^Q8_0/).waitFor({ state: 'detached' });
  await close(page);
});

test('the page is accessible and narrow enough, in both themes', async () => {
  for (const theme of ['light', 'dark'])
    for (const [name, size] of Object.entries({ wide: WIDE, middle: { width: 768, height: 900 }, narrow: NARROW })) {
      const page = await browser.open(hearth.base, { at: '/discover?sort=downloads&open=some-org%2Ftiny-GGUF', theme, size });
      await row(page, /^F16.*On disk/).waitFor();
      await row(page, /^Q8_0.*Fits/).waitFor();
      await page.accessible(`${theme} ${name}`);
      await page.fitsWidth(`${theme} ${name}`);
      await page.shot(`discover-${theme}-${name}`);
      await close(page);
      const gated = await browser.open(hearth.base, { at: '/discover?q=gated&open=meta%2Fgated-GGUF', theme, size });
      await gated.getByRole('alert').waitFor();
      await gated.accessible(`gated ${theme} ${name}`);
      await gated.fitsWidth(`gated ${theme} ${name}`);
      await gated.shot(`discover-gated-${theme}-${name}`);
      gated.forgetNoise();
      await close(gated);
    }
});
