// The dashboard in browsers of other makers: Firefox, and WebKitGTK, whose engine is
// Safari's. Every page is opened; a chat is answered, and seen in a second tab.
//
//     xvfb-run -a node tests/scenario/browsers.mjs [FOLDER]     (./dev browsers builds first)
//
// FOLDER gets a picture of each. The tests of pages (web*.test.mjs) run in Chromium.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Hearth, until } from './lib/hearth.mjs';
import { Firefox, WebKit } from './lib/webdriver.mjs';

const FAKE = process.env.HEARTH_FAKE_ENGINE;
const folder = process.argv[2];
assert.ok(FAKE, 'usage: HEARTH_BIN=... HEARTH_LLAMA_SERVER=... HEARTH_FAKE_ENGINE=... node browsers.mjs [FOLDER]');
const pages = ['', 'models', 'discover', 'downloads', 'servers', 'servers/new', 'presets', 'chat', 'activity', 'monitoring',
  'logs', 'configuration', 'settings'];

const fake = (name, ...args) => ({ name, engine: 'command', restart_policy: 'never', command: [FAKE, '--port', '${port}', ...args] });
const profiles = [
  fake('long', '--chunks', '2000', '--chunk-delay-ms', '20'),
  fake('thinker', '--words', '<think> so </think> The **answer**:\\n\\n```c\\nint a;\\n```\\n\\n$$\\\\frac{a}{b}$$\\n'),
];
const hearth = await Hearth.start({ models: { tiny: { say: 'Hello out there' } },
  config: `profiles:\n${profiles.map((row) => `  - ${JSON.stringify(row)}\n`).join('')}` });

const see = (page, what, look, ...args) => until(what, () => page.run(look, ...args), 20000);
const isLive = () => document.body.innerText.includes('Live');

async function everyPage(browser) {
  const page = await browser.open(hearth.base);
  for (const at of pages) {
    await page.go(`${hearth.base}/${at}`);
    await see(page, `/${at} to be live`, isLive);
    await see(page, `/${at} to have loaded`, () => !document.querySelector('.skeleton, [aria-busy=true]'));
    assert.ok(!await page.run(() => document.body.innerText.includes('could not be shown')), `${browser.name}: /${at} failed`);
    assert.equal(await page.run(() => Math.max(0, document.documentElement.scrollWidth - innerWidth)), 0, `${browser.name}: /${at} is too wide`);
    if (folder) await page.shot(path.join(folder, `${browser.name}-${at.replace('/', '-') || 'dashboard'}.png`));
  }
  return page;
}

async function ask(page, model) {
  await page.go(`${hearth.base}/chat?model=${model}`);
  await see(page, 'the chat', isLive);
  await page.run(() => {
    const box = document.querySelector('textarea[aria-label=Message]');
    box.value = 'Hello';
    box.dispatchEvent(new InputEvent('input', { bubbles: true }));
  });
  await see(page, 'Send', () => {
    const send = [...document.querySelectorAll('button')].find((one) => one.innerText.trim() === 'Send' && one.ariaDisabled !== 'true');
    send?.click();
    return Boolean(send);
  });
}

async function chat(browser, page) {
  await ask(page, 'thinker');
  await see(page, 'colours and a formula', () => document.querySelectorAll('article[data-state=done] :is(math mfrac, .hljs-type)').length === 2);
  if (folder) await page.shot(path.join(folder, `${browser.name}-chat-answer.png`));
  await ask(page, 'long');
  await see(page, 'the answer', () => Boolean(document.querySelector('article[data-state=answering]')));
  const other = await browser.open(await page.run(() => location.href));
  const length = () => document.querySelector('article[data-state=answering]')?.innerText.length ?? 0;
  await until('the answer in the second tab', async () => (await other.run(length)) > 0);
  const n = await other.run(length);
  await until('it to grow there', async () => (await other.run(length)) > n + 200, 20000);
  await other.run(() => [...document.querySelectorAll('button')].find((one) => one.innerText.trim() === 'Stop').click());
  for (const tab of [page, other]) await see(tab, 'it to stop', () => Boolean(document.querySelector('article[data-state=stopped]')));
}

let isGood = true;
for (const Browser of [Firefox, WebKit]) {
  const browser = await Browser.start();
  try {
    const page = await everyPage(browser);
    await chat(browser, page);
    assert.deepEqual(browser.complaints, []);
    console.log(`${browser.name} ${browser.version}: ${pages.length} pages and a chat in two tabs, nothing said on the console`);
  } catch (error) {
    isGood = false;
    console.error(`${browser.name} ${browser.version}: ${error.message}`);
    for (const complaint of browser.complaints) console.error(`    ${complaint}`);
  } finally {
    await browser.close();
  }
}
await hearth.stop();
process.exitCode = isGood ? 0 : 1;
