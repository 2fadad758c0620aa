// Every page while the way to the daemon is cut, in a real browser: what it
// showed stays, what is asked for waits and says so, and is done or refused
// once the way is mended.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from './lib/browser.mjs';
import { Cable } from './lib/cable.mjs';
import { Hub } from './lib/hub.mjs';
import { Hearth, until } from './lib/hearth.mjs';

const FAKE = process.env.HEARTH_FAKE_ENGINE;
let browser, hearth, hub, cable;
before(async () => {
  browser = await Browser.start();
  hub = await Hub.open({});
  const repo = { files: { 'tiny-Q8_0.gguf': Buffer.concat([Buffer.from('GGUF'), Buffer.alloc(60)]) }, tags: ['gguf', 'text-generation'], library: 'gguf' };
  hub.huggingface.repos['org/tiny-GGUF'] = repo;
  hub.huggingface.complete('org/tiny-GGUF', repo);
  const echo = { name: 'echo', engine: 'command', restart_policy: 'never', command: [FAKE, '--port', '${port}', '--chunks', '3'] };
  hearth = await Hearth.start({ models: { ash: { say: 'ash adder' } }, env: hub.env, config: `profiles:\n  - ${JSON.stringify(echo)}\n` });
  cable = await Cable.to(hearth.port);
});
after(async () => {
  cable?.cut();
  await browser?.stop();
  await hearth?.stop();
  await hub?.close();
});

const signIn = (at) => browser.signIn({ base: cable.base, api: (...request) => hearth.api(...request) }, { at });
const button = (page, name) => page.getByRole('button', { name });
const waiting = (name) => `${name} (waits for the server)`;
async function cutOff(page) {
  cable.cut();
  await page.getByText(/^The server is away/).waitFor();
}
async function mend(page) {
  await cable.mend();
  await button(page, 'Try now').click({ timeout: 2000 }).catch(() => {});
  await page.getByText(/^The server is away/).waitFor({ state: 'detached' });
}
async function close(page) {
  page.forgetNoise(); // the browser itself tells of the connections that broke
  await page.context().close();
}
// On the page `at`: `act` asks for something that waits, `seen` is true once it is done.
async function waits(at, prepare, act, seen, isRead = false) {
  const page = await signIn(at);
  await prepare(page);
  await cutOff(page);
  try {
    await act(page);
    if (!isRead) await page.getByText('1 request waits.').waitFor();
    await page.shot(`offline-${at.split(/[/?]/)[1] || 'dashboard'}`);
    await page.accessible(`${at}, cut off`);
    assert.equal(await seen(page), false, `${at}: done before the way was mended`);
  } finally {
    await mend(page);
  }
  await until(`${at}: what waited`, () => seen(page));
  await page.getByText('1 request waits.').waitFor({ state: 'detached' });
  await close(page);
}

const setting = async (key) => (await hearth.api('GET', '/api/settings')).data[key].value;
const profile = async (name) => (await hearth.api('GET', '/api/profiles')).data.find((one) => one.name === name);
const model = async () => (await hearth.api('GET', '/api/models')).data.find((one) => one.name === 'ash');

test('settings', () => waits('/settings?section=engines',
  (page) => page.getByRole('textbox', { name: 'Models at once' }).fill('3'),
  (page) => button(page, waiting('Save')).click(),
  async () => (await setting('models_max')) === 3));

test('keys', () => waits('/settings?section=access',
  (page) => page.getByLabel('Name of the key').fill('tablet'),
  (page) => button(page, waiting('Make key')).click(),
  async (page) => (await page.locator('code.secret').count()) === 1));

test('configuration', () => waits('/configuration',
  (page) => page.getByRole('textbox', { name: 'Models at once' }).fill('2'),
  (page) => button(page, waiting('Save')).click(),
  async () => (await hearth.api('GET', '/api/llama/config')).data.models_max === 2));

test('presets', async () => {
  await hearth.api('POST', '/api/presets', { name: 'mine', text: 'LLAMA_CONFIG_VERSION = 1\n[*]\nctx-size = 512\n' });
  await waits('/presets?preset=mine',
    async (page) => {
      await page.getByRole('link', { name: /mine/ }).click();
      const text = page.getByLabel('Text of mine');
      await until('its text', async () => (await text.inputValue()).includes('512'));
      await text.fill('LLAMA_CONFIG_VERSION = 1\n[*]\nctx-size = 1024\n');
      await page.getByText('No problem found').waitFor();
    },
    (page) => button(page, waiting('Save')).click(),
    async () => (await hearth.api('GET', '/api/presets/mine')).data.text.includes('1024'));
});

test('the form of a server', async () => {
  await hearth.api('POST', '/api/profiles', { name: 'coder', engine: 'llama-server', model_path: (await model()).path });
  await waits(`/servers/${(await profile('coder')).id}/edit`,
    (page) => page.getByLabel('Context size', { exact: true }).fill('640'),
    (page) => button(page, waiting('Save')).first().click(),
    async () => (await profile('coder')).options.ctx_size === 640);
});

test('servers', () => waits('/servers',
  (page) => page.getByRole('article').filter({ hasText: 'echo' }).waitFor(),
  async (page) => {
    const card = page.getByRole('article').filter({ hasText: 'echo' });
    await card.getByRole('button', { name: waiting('Start') }).click();
    await card.getByText('Stopped').waitFor(); // it is not said to start before it is asked to
  },
  async () => (await hearth.server('echo'))?.state === 'ready'));

test('the dashboard', () => waits('/',
  (page) => button(page, 'Stop echo').waitFor(),
  (page) => button(page, waiting('Stop echo')).click(),
  async () => (await hearth.server('echo'))?.state === 'stopped'));

test('models', async () => {
  const { id } = await model();
  await waits(`/models?model=${id}`,
    (page) => button(page, 'Add to favourites').first().waitFor(),
    async (page) => {
      await button(page, waiting('Add to favourites')).first().click();
      await page.getByRole('button', { name: 'Remove from favourites' }).first().waitFor(); // at once
    },
    async () => (await model()).is_favourite);
});

test('discover', () => waits('/discover',
  (page) => page.getByLabel('Search models').waitFor(),
  async (page) => {
    await page.getByLabel('Search models').fill('tiny');
    await page.keyboard.press('Enter');
  },
  async (page) => (await page.getByText('org/tiny-GGUF').count()) > 0, true));

test('downloads', () => waits('/downloads',
  async (page) => {
    await button(page, 'Add a download').click();
    await page.getByLabel(/^Address, or/).fill('org/tiny-GGUF:Q8_0');
  },
  (page) => button(page, waiting('Download')).click(),
  async () => (await hearth.api('GET', '/api/models/downloads')).data.length > 0));

test('chat', () => waits('/chat?model=echo',
  (page) => page.getByRole('textbox', { name: 'Message' }).fill('are you there'),
  async (page) => {
    await page.keyboard.press('Enter');
    await page.getByText('Waits for the server to be back').waitFor();
    const [has, shows] = await page.evaluate(() => [document.documentElement.scrollHeight, innerHeight]);
    assert.ok(has <= shows, `the banner pushes the page out of the window: ${has} px in ${shows} px`);
  },
  async (page) => (await hearth.server('echo'))?.state === 'ready' && !(await page.getByText('Waits for the server to be back').count())));

test('what waits can be given up, and nothing is done', async () => {
  const page = await signIn('/settings?section=engines');
  await page.getByRole('textbox', { name: 'Models at once' }).fill('7');
  await cutOff(page);
  await button(page, waiting('Save')).click();
  await button(page, 'Give up what waits').click();
  await page.getByText('It was given up while the server was away.').waitFor();
  await mend(page);
  assert.equal(await setting('models_max'), 3);
  assert.equal(await page.getByRole('textbox', { name: 'Models at once' }).inputValue(), '7'); // what was typed stays
  page.on('dialog', (dialog) => dialog.accept());
  await close(page);
});

test('what is refused is told when the way is mended', async () => {
  const page = await signIn('/presets');
  await button(page, 'New preset').first().click();
  await page.getByLabel('Name of the file').fill('twin');
  await cutOff(page);
  await button(page, waiting('Make preset')).click();
  await page.getByText('1 request waits.').waitFor();
  await hearth.api('POST', '/api/presets', { name: 'twin', text: 'LLAMA_CONFIG_VERSION = 1\n' });
  await mend(page);
  await page.getByRole('alert').filter({ hasText: 'twin' }).waitFor();
  await close(page);
});

// What it showed, and what shows that it goes on.
const rows = {
  '/activity': {
    shown: (page) => page.getByRole('row', { name: /echo/ }).first(),
    more: () => hearth.chat('ash'),
    seen: (page) => page.getByRole('row', { name: /ash/ }).first(),
  },
  '/monitoring': {
    shown: (page) => page.getByRole('figure').first(),
    more: () => {},
    seen: (page) => page.getByRole('figure').first(),
  },
  '/logs': {
    shown: (page) => page.getByText('told before the cut').first(),
    more: () => hearth.api('POST', '/api/logs', { level: 'warn', message: 'told after the cut' }),
    seen: (page) => page.getByText('told after the cut').first(),
  },
};
for (const [at, { shown, more, seen }] of Object.entries(rows))
  test(`${at} stays as it was, and goes on`, async () => {
    await hearth.chat('echo');
    await hearth.api('POST', '/api/logs', { level: 'warn', message: 'told before the cut' });
    const page = await signIn(at);
    await shown(page).waitFor();
    await cutOff(page);
    await page.shot(`offline-${at.slice(1)}`);
    await page.accessible(`${at}, cut off`);
    assert.ok(await shown(page).isVisible());
    await more();
    await mend(page);
    await seen(page).waitFor();
    await close(page);
  });
