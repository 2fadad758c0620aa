// The page of chat in a real browser: a real answer, long streams that are
// stopped, thinking, errors, images, two models side by side, and all of it
// kept over a reload.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import { Hearth, request, until } from './lib/hearth.mjs';

const FAKE = process.env.HEARTH_FAKE_ENGINE;
const PIXEL = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
let browser, hearth;
before(async () => {
  browser = await Browser.start();
  const engine = (name, ...args) => ({ name, engine: 'command', restart_policy: 'never',
    command: [FAKE, '--port', '${port}', ...args] });
  const rows = [
    engine('long', '--chunks', '2000', '--chunk-delay-ms', '20'),
    engine('thinker', '--load-ms', '600', '--words', '<think> so it is </think> The **answer** is:\\n\\n```c\\nint a;\\n```\\nSo $a^2$.\\n'),
    engine('broken', '--cut-after-chunks', '3'),
  ];
  hearth = await Hearth.start({ models: { tiny: { say: 'Hello out there' } },
    config: `profiles:\n${rows.map((row) => `  - ${JSON.stringify(row)}\n`).join('')}` });
});
after(async () => {
  await browser?.stop();
  await hearth?.stop();
});

const open = (at, options = {}) => browser.open(hearth.base, { at, ...options });
const close = async (page) => {
  page.quiet();
  await page.context().close();
};
const box = (page) => page.getByRole('textbox', { name: 'Message' });
const answers = (page, model) => page.getByRole('article', { name: `Answer of ${model}` });
async function say(page, text) {
  await box(page).fill(text);
  await until('the connection', async () => (await page.getByRole('button', { name: 'Send', exact: true }).getAttribute('aria-disabled')) === null);
  await box(page).press('Enter');
}
const engine = async (name, target) => {
  const { port } = await hearth.server(name);
  return (await request(`http://127.0.0.1:${port}`, 'GET', target)).text;
};

test('a model answers; the conversation has an address and outlives a reload', async () => {
  const page = await open('/chat?model=tiny');
  await say(page, 'Hi');
  const answer = answers(page, 'tiny');
  await until('the answer', async () => (await answer.getAttribute('data-state')) === 'done', 60000);
  assert.match(await answer.innerText(), /Hello out there/);
  await page.getByText(/^[\d.]+ tok\/s$/).waitFor();
  assert.ok(new URL(page.url()).searchParams.get('c'));
  await page.reload();
  await answer.getByText(/Hello out there/).waitFor();

  await page.getByRole('button', { name: 'Edit message' }).click();
  await page.getByLabel('Edited message').fill('Hi again');
  await page.getByRole('button', { name: 'Send again' }).click();
  await until('the new answer', async () => (await answer.getAttribute('data-state')) === 'done');
  await page.getByRole('button', { name: 'Conversations' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Rename Hi' }).click();
  await dialog.getByLabel('New name').fill('Greeting');
  await dialog.getByLabel('New name').press('Enter');
  await dialog.getByRole('button', { name: 'Delete Greeting' }).click();
  await dialog.getByRole('button', { name: 'Delete for good' }).click();
  await dialog.getByText('No conversation yet').waitFor();
  await page.keyboard.press('Escape');
  await answer.waitFor({ state: 'detached' });
  await close(page);
});

test('by keyboard: a long answer is stopped, and the engine stops, too', async () => {
  const page = await open('/chat?model=long');
  await box(page).focus();
  await until('the connection', async () => (await page.getByText('Live').count()) > 0);
  await page.keyboard.type('one');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('two');
  await page.keyboard.press('Enter');
  const answer = answers(page, 'long');
  await answer.getByText(/hello from the fake engine/).waitFor();
  assert.match(await engine('long', '/last'), /"content":"one\\ntwo"/);
  await page.keyboard.press('Escape');
  await answer.getByText('Stopped.').waitFor();
  await until('the engine to see it', async () => JSON.parse(await engine('long', '/stats')).client_gone > 0);
  await close(page);
});

test('waiting for a load, then thinking, then markdown', async () => {
  const page = await open('/chat?model=thinker');
  await say(page, 'Think');
  await page.getByText('Waiting for thinker to load').waitFor();
  const answer = answers(page, 'thinker');
  await until('the answer', async () => (await answer.getAttribute('data-state')) === 'done');
  assert.equal(await answer.locator('strong').innerText(), 'answer');
  assert.equal(await answer.locator('pre').innerText(), 'int a;');
  await until('colours', async () => (await answer.locator('pre .hljs-type').allInnerTexts()).join() === 'int');
  await until('a formula', async () => (await answer.locator('math msup').count()) === 1);
  await answer.getByRole('button', { name: /Thought for/ }).click();
  await answer.getByText('so it is').waitFor();
  await close(page);
});

test('what cannot be answered says why in its place, and can be tried again', async () => {
  const page = await open('/chat?model=broken');
  await say(page, 'Break');
  const answer = answers(page, 'broken');
  await until('the failure', async () => (await answer.getAttribute('data-state')) === 'failed');
  assert.match(await answer.innerText(), /hello from the/);
  await answer.getByRole('button', { name: 'Try again' }).click();
  await until('the second try', async () => JSON.parse(await engine('broken', '/stats')).posts === 2);
  await page.getByRole('combobox', { name: 'Model 1' }).fill('nobody');
  await page.keyboard.press('Tab');
  await say(page, 'Anyone?');
  await answers(page, 'nobody').getByText(/nobody/).first().waitFor();
  page.forgetNoise(); // 404
  await close(page);
});

test('parameters and an image reach the engine', async () => {
  const page = await open('/chat?model=thinker');
  await page.getByLabel('Temperature').fill('0.3');
  await page.getByLabel('System prompt').fill('Be brief.');
  await page.getByLabel('Top P').fill('7');
  await page.keyboard.press('Tab');
  await page.getByText('From 0 to 1.').waitFor();
  await page.getByLabel('Image files').setInputFiles({ name: 'a.txt', mimeType: 'text/plain', buffer: PIXEL });
  await page.getByText('a.txt is no PNG').waitFor();
  await page.getByLabel('Image files').setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: PIXEL });
  await page.getByText('thinker: not known to see images.').waitFor();
  await say(page, 'What is it?');
  const answer = answers(page, 'thinker');
  await until('the answer', async () => (await answer.getAttribute('data-state')) === 'done');
  const sent = await engine('thinker', '/last');
  const body = JSON.parse(sent.slice(sent.indexOf('{')));
  assert.deepEqual(body.messages[0], { role: 'system', content: 'Be brief.' });
  assert.equal(body.messages[1].content[1].image_url.url, `data:image/png;base64,${PIXEL.toString('base64')}`);
  assert.deepEqual([body.temperature, 'top_p' in body, 'seed' in body], [0.3, false, false]);
  await close(page);
});

test('images are pasted and dropped; the palette begins a chat; another window has it, too', async () => {
  const page = await open('/chat?model=tiny');
  for (const [kind, at, member] of [['ClipboardEvent', 'textarea[aria-label=Message]', 'clipboardData'], ['DragEvent', 'form[aria-label=Message]', 'dataTransfer']])
    await page.locator(at).evaluate((node, [type, name, bytes]) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], 'a.png', { type: 'image/png' }));
      node.dispatchEvent(new window[type](type === 'DragEvent' ? 'drop' : 'paste', { [name]: data, bubbles: true, cancelable: true }));
    }, [kind, member, [...PIXEL]]);
  await page.getByAltText('Attachment 2').waitFor();
  await page.getByRole('button', { name: 'Remove image 2' }).click();
  await page.getByAltText('Attachment 2').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Remove image 1' }).click();

  await until('the connection', async () => (await page.getByText('Live').count()) > 0);
  await page.keyboard.press('Control+k');
  await page.keyboard.type('Chat with long');
  await page.keyboard.press('Enter');
  await until('its model', async () => (await page.getByRole('combobox', { name: 'Model 1' }).inputValue()) === 'long');
  await say(page, 'Seen elsewhere');
  await answers(page, 'long').getByText(/hello/).waitFor();
  const other = await page.context().newPage();
  await other.goto(page.url());
  await other.getByText('Seen elsewhere').first().waitFor();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await other.getByText(/hello from the fake engine/).waitFor();
  await other.goto(`${hearth.base}/chat?c=gone`);
  await other.getByText('This conversation is not in this browser').waitFor();
  await close(page);
});

test('two tabs in step: an answer grows in both, is stopped from either, and goes on while another page is shown', async () => {
  const page = await open('/chat?model=long');
  await say(page, 'Both see it');
  const gone = JSON.parse(await engine('long', '/stats')).client_gone;
  await answers(page, 'long').getByText(/hello/).waitFor();
  const other = await page.context().newPage();
  await other.goto(page.url());
  const seen = async (tab) => (await answers(tab, 'long').first().innerText()).length;
  const grows = async (what, tab) => {
    const before = await seen(tab);
    await until(what, async () => (await seen(tab)) > before + 200, 20000);
  };
  // The first is behind the second now: it is told nothing by frames.
  await other.bringToFront();
  await grows('the answer in the second tab', other);
  assert.equal(await answers(other, 'long').getAttribute('data-state'), 'answering');
  assert.equal(await other.getByText('Stopped.').count(), 0);

  await page.bringToFront();
  await page.getByRole('link', { name: /^Activity.*in flight/ }).click();
  await page.getByRole('heading', { name: 'Activity' }).waitFor();
  await grows('the answer, while its tab shows another page', other);
  await page.getByRole('link', { name: /^Chat/ }).first().click();
  await grows('the answer, back on its page', page);
  assert.equal(new URL(page.url()).search, new URL(other.url()).search);

  await other.getByRole('button', { name: 'Stop', exact: true }).click();
  for (const tab of [page, other]) await answers(tab, 'long').getByText('Stopped.').waitFor();
  await until('the engine to see it', async () => JSON.parse(await engine('long', '/stats')).client_gone > gone);
  assert.equal(await seen(page), await seen(other));

  await say(other, 'And from here');
  await answers(page, 'long').nth(1).getByText(/hello/).waitFor();
  await other.close();
  await answers(page, 'long').nth(1).getByText('Stopped.').waitFor();
  await close(page);
});

test('two models side by side answer one message', async () => {
  const page = await open('/chat?model=thinker');
  await page.getByRole('button', { name: 'Side by side' }).click();
  await page.getByRole('combobox', { name: 'Model 2' }).fill('long');
  await page.keyboard.press('Tab');
  await say(page, 'Both');
  await answers(page, 'long').getByText(/hello/).waitFor();
  await until('the other', async () => (await answers(page, 'thinker').getAttribute('data-state')) === 'done');
  await page.getByRole('button', { name: 'Stop both' }).click();
  await answers(page, 'long').getByText('Stopped.').waitFor();
  await page.reload();
  await answers(page, 'long').getByText('Stopped.').waitFor();
  await page.getByRole('button', { name: 'Remove pane 1' }).click();
  await answers(page, 'thinker').waitFor({ state: 'detached' });
  await close(page);
});

test('the page is accessible and narrow enough, in both themes', async () => {
  for (const theme of ['light', 'dark'])
    for (const [name, size] of Object.entries({ wide: WIDE, middle: { width: 1024, height: 800 }, narrow: NARROW })) {
      const page = await open('/chat?model=thinker', { theme, size });
      await page.getByRole('button', { name: 'Side by side' }).click();
      if (name === 'narrow') await page.getByRole('button', { name: 'Model 2' }).click();
      await page.getByRole('combobox', { name: 'Model 2' }).fill('tiny');
      await page.keyboard.press('Tab');
      await say(page, 'Write it in C');
      if (name === 'narrow') await page.getByRole('group', { name: 'Pane' }).getByRole('button', { name: 'thinker' }).click();
      await until('the answer', async () => (await answers(page, 'thinker').getAttribute('data-state')) === 'done');
      await page.getByRole('button', { name: /Thought for/ }).click();
      await page.accessible(`${theme} ${name}`);
      await page.fitsWidth(`${theme} ${name}`);
      await page.shot(`chat-${theme}-${name}`);
      await page.getByRole('button', { name: 'Conversations' }).click();
      await page.getByRole('dialog').getByRole('button', { name: /^Rename/ }).waitFor();
      await page.accessible(`${theme} ${name}, conversations`);
      await page.shot(`chat-list-${theme}-${name}`);
      await page.keyboard.press('Escape');
      if (name === 'middle') {
        await page.getByRole('button', { name: 'Parameters' }).click();
        await page.getByRole('dialog').getByLabel('Top K').waitFor();
        await page.accessible(`${theme} ${name}, parameters`);
        await page.keyboard.press('Escape');
        for (const width of [390, 768, 1180]) {
          await page.setViewportSize({ width, height: 800 });
          await page.fitsWidth(`${width}`);
        }
      }
      await close(page);
    }
});
