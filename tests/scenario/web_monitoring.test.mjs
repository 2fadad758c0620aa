// The page of charts in a real browser: what was measured is drawn, goes on with
// each sample, and says why where there is no reading.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import { Hearth, until } from './lib/hearth.mjs';
import { keys } from './lib/keys.mjs';

let browser, hearth;
before(async () => {
  browser = await Browser.start();
  hearth = await Hearth.start({ models: { tiny: { say: 'Hello out there', loop: true, ctx: 4096 } } });
  assert.equal((await hearth.api('POST', '/api/servers/tiny/start?wait=1')).status, 200);
});
after(async () => {
  await browser?.stop();
  await hearth?.stop();
});

const panel = (page, name) => page.getByRole('region', { name, exact: true });
const text = (page, name) => panel(page, name).innerText();

test('charts appear and go on by themselves, in two windows', async () => {
  const [page, other] = [await browser.open(hearth.base, { at: '/monitoring?every=1' }), await browser.open(hearth.base, { at: '/monitoring?every=1' })];
  for (const one of [page, other]) {
    await panel(one, 'CPU').getByRole('figure').waitFor();
    await panel(one, 'Memory by server').getByText('tiny').waitFor();
  }
  // A sample each second for both: whoever asks most often is served.
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  await hearth.chat('tiny', { max_tokens: 200 });
  await until('tokens in the chart', async () => /peak [1-9]/.test(await text(page, 'Tokens per second')));
  await until('tokens in the other', async () => /peak [1-9]/.test(await text(other, 'Tokens per second')));
  assert.deepEqual(asked.filter((url) => url.includes('history')), []); // it was told, not asked
  for (const one of [page, other]) {
    one.quiet();
    await one.context().close();
  }
});

test('the range stands in the address, and the keyboard reaches all', async () => {
  const page = await browser.open(hearth.base, { at: '/monitoring?range=6h' });
  await page.getByText(/last 6 h, one point per [34]\d s/).waitFor();
  const range = page.getByRole('group', { name: 'Range of time' });
  assert.equal(await range.getByRole('button', { name: '6 h' }).getAttribute('aria-pressed'), 'true');
  await range.getByRole('button', { name: '30 d' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText(/last 30 d, one point per 1 h/).waitFor();
  assert.equal(new URL(page.url()).searchParams.get('range'), '30d');
  await panel(page, 'CPU').getByRole('figure').waitFor();
  const waiting = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export JSON' }).click();
  const file = await (await waiting).path();
  const { points } = JSON.parse(fs.readFileSync(file, 'utf8'));
  assert.ok(points.length > 0 && Object.keys(points.at(-1).values).some((name) => name.startsWith('server.')));
  await page.getByLabel('Servers').selectOption({ label: 'tiny' });
  assert.match(new URL(page.url()).searchParams.get('server'), /./);
  await panel(page, 'CPU by server').getByText('tiny').waitFor();
  await page.locator('main').focus(); // a select takes the letters for itself
  await page.keyboard.press('g');
  await page.keyboard.press('d');
  await until('the dashboard', () => new URL(page.url()).pathname === '/');
  await page.keyboard.press('g');
  await page.keyboard.press('o');
  await panel(page, 'CPU').getByRole('figure').waitFor();
  page.quiet();
  await page.context().close();
});

test('what cannot be read says why', async () => {
  const { sample } = (await hearth.api('GET', '/api/system/metrics')).data;
  const page = await browser.open(hearth.base, { at: '/monitoring' });
  if (sample.unknown.gpus) await panel(page, 'GPU').getByText(sample.unknown.gpus).waitFor();
  else await panel(page, /^GPU/).getByRole('figure').first().waitFor();
  page.quiet();
  await page.context().close();
});

test('the crosshair of all, the popover of one', async () => {
  const page = await browser.open(hearth.base, { at: '/monitoring?range=15m' });
  const cpu = panel(page, 'CPU').getByRole('application');
  await cpu.waitFor();
  await until('points', async () => /peak/.test(await text(page, 'CPU')));
  const { x, y, width, height } = await cpu.boundingBox();
  await page.mouse.move(x + width / 2, y + height / 2);
  await page.mouse.move(x + width - 24, y + height / 2);
  const popover = page.locator('.pop');
  await popover.getByText('Hearth').waitFor();
  assert.equal(await popover.count(), 1);
  const box = await popover.boundingBox();
  assert.ok(box.x >= x && box.x + box.width <= x + width, `${JSON.stringify(box)} beside ${x}, ${width}`);
  assert.match(await text(page, 'CPU'), /average .*peak/); // it stays below
  await page.waitForFunction(() => [...document.querySelectorAll('.u-cursor-x')]
    .filter((line) => !line.style.transform.includes('translate(-10px')).length > 2);
  await page.shot('monitoring-popover');
  await page.mouse.move(2, 2);
  await popover.waitFor({ state: 'detached' });
  page.quiet();
  await page.context().close();
});

test('the throughput of the dashboard is a table, too', async () => {
  const page = await browser.open(hearth.base);
  const focused = keys(page);
  await hearth.chat('tiny', { max_tokens: 20 });
  await panel(page, 'Throughput').getByRole('figure').waitFor();
  await focused.tabTo(/^Show Throughput as table$/);
  await page.keyboard.press('Enter');
  const table = panel(page, 'Throughput').getByRole('table');
  await table.getByRole('columnheader', { name: /^Output\s*tok\/s$/ }).waitFor();
  await until('the address', () => new URL(page.url()).searchParams.get('table') === 'throughput');
  await until('a row that says what was made', async () => /[1-9]/.test((await table.getByRole('cell').allInnerTexts()).join(' ')));
  assert.equal(await focused.name(), 'Show Throughput as table');
  await page.accessible('the table of the dashboard');
  await page.shot('dashboard-table');
  await page.reload();
  await table.waitFor();
  await page.getByRole('button', { name: 'Show Throughput as table' }).click();
  await panel(page, 'Throughput').getByRole('figure').waitFor();
  assert.equal(new URL(page.url()).search, '');
  page.quiet();
  await page.context().close();
});

test('by the keyboard alone: a range, through a chart, its table', async () => {
  const page = await browser.open(hearth.base, { at: '/monitoring' });
  await panel(page, 'CPU').getByRole('figure').waitFor();
  await until('points', async () => /peak/.test(await text(page, 'CPU')));
  const focused = keys(page);
  await focused.tabTo(/^15 min$/);
  await page.keyboard.press('Enter');
  await page.getByText(/last 15 min/).waitFor();
  await focused.tabTo(/^CPU, chart; arrow keys move through its points$/);
  const popover = panel(page, 'CPU').locator('.pop');
  const time = () => popover.locator('.time').innerText();
  await until('a point before the newest', async () => {
    await page.keyboard.press('End');
    const newest = await time();
    await page.keyboard.press('ArrowLeft');
    return (await time()) < newest;
  }, 40000);
  await until('what is said', async () => (await panel(page, 'CPU').locator('[aria-live]').innerText()).startsWith(await time()));
  await page.shot('monitoring-walked');
  await page.accessible('a point of a chart');
  assert.equal(await page.locator('.pop').count(), 1);
  await page.keyboard.press('Escape');
  await popover.waitFor({ state: 'detached' });
  await focused.tabBackTo(/^Show CPU as table$/);
  await page.keyboard.press('Enter');
  const table = panel(page, 'CPU').getByRole('table');
  await table.waitFor();
  await until('the address', () => new URL(page.url()).searchParams.get('table') === 'cpu');
  assert.equal(new URL(page.url()).searchParams.get('range'), '15m');
  const times = await table.getByRole('rowheader').allInnerTexts();
  assert.ok(times.length > 1 && times.length <= 600);
  assert.deepEqual(times, times.toSorted().toReversed());
  await page.keyboard.press('Tab');
  assert.equal(await focused.name(), 'CPU, table');
  await page.accessible('a table of points');
  await page.shot('monitoring-table');
  await page.reload();
  await table.waitFor();
  await focused.tabTo(/^Show CPU as table$/);
  await page.keyboard.press(' ');
  await panel(page, 'CPU').getByRole('application').waitFor();
  assert.equal(await focused.name(), 'Show CPU as table'); // where it was
  page.quiet();
  await page.context().close();
});

test('the page is accessible and narrow enough, in both themes', async () => {
  for (const theme of ['light', 'dark'])
    for (const [name, size] of Object.entries({ wide: WIDE, narrow: NARROW, medium: { width: 768, height: 900 } })) {
      const page = await browser.open(hearth.base, { at: '/monitoring?range=15m&table=requests,memory', theme, size });
      await panel(page, 'CPU').getByRole('figure').waitFor();
      await panel(page, 'Memory').getByRole('table').waitFor();
      await panel(page, 'CPU').getByRole('application').focus();
      await page.keyboard.press('End');
      await page.locator('.pop').waitFor();
      await page.accessible(`${theme} ${name}`);
      await page.fitsWidth(`${theme} ${name}`);
      await page.shot(`monitoring-${theme}-${name}`);
      page.quiet();
      await page.context().close();
    }
});

test('a server that has stopped keeps its lines', async () => {
  const page = await browser.open(hearth.base, { at: '/monitoring' });
  await panel(page, 'CPU by server').getByText('tiny').waitFor();
  assert.equal((await hearth.api('POST', '/api/servers/tiny/stop?wait=1')).status, 200);
  await until('it to be gone from the samples', async () =>
    (await hearth.api('GET', '/api/system/metrics')).data.sample.servers.length === 0);
  for (const again of [false, true]) {
    if (again) await page.reload();
    await panel(page, 'Memory by server').getByText('tiny').waitFor();
    assert.match(await text(page, 'Memory by server'), /peak [0-9]/);
    assert.equal(await page.getByLabel('Servers').getByRole('option', { name: 'tiny' }).count(), 1);
  }
  page.quiet();
  await page.context().close();
});

test('a server that was deleted keeps its lines under the name it had', async () => {
  const { data: profile } = await hearth.api('POST', '/api/profiles', {
    name: 'short-lived', engine: 'llama-server', model_path: `${hearth.models}/tiny.gguf` });
  const page = await browser.open(hearth.base, { at: '/monitoring?every=1' });
  assert.equal((await hearth.api('POST', `/api/servers/${profile.id}/start?wait=1`)).status, 200);
  await panel(page, 'Memory by server').getByText('short-lived').waitFor();
  await until('it to be measured', async () =>
    (await hearth.api('GET', '/api/system/metrics/servers')).data.some((row) => row.profile_name === 'short-lived'));
  assert.equal((await hearth.api('DELETE', `/api/profiles/${profile.id}`)).status, 202); // once it is stopped
  for (const again of [false, true]) {
    if (again) await page.reload();
    await panel(page, 'Memory by server').getByText('short-lived (deleted)').waitFor();
    await until('its figures', async () => /short-lived \(deleted\)[^]*peak \d/.test(await text(page, 'Memory by server')));
  }
  await page.getByLabel('Servers').selectOption({ label: 'short-lived (deleted)' });
  await until('the others to go', async () => !/tiny/.test(await text(page, 'Memory by server')));
  await page.shot('monitoring-deleted');
  page.quiet();
  await page.context().close();
  // Also after a restart: it is stored.
  await hearth.stop({ keep: true });
  await hearth.spawn();
  assert.deepEqual((await hearth.api('GET', '/api/system/metrics/servers')).data.filter((row) => row.profile_id === profile.id),
    [{ profile_id: profile.id, profile_name: 'short-lived' }]);
});
