// The dashboard in Debian's Chromium: what its first page loads, and how long that
// takes over a simulated 3G line; frames of the table of models while it scrolls.
// Prints Markdown. Arguments: load|scroll, address, rounds.
import fs from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../scenario/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const [what, base, rounds] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const program = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) => fs.existsSync(file));
const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'] });
const part = (values, share) => values.toSorted((a, b) => a - b)[Math.floor(values.length * share)];
const median = (values) => part(values, 0.5);

// What "Fast 3G" is in Chromium's own tools.
const LINE = { offline: false, latency: 562.5, downloadThroughput: 1.44e6 / 8, uploadThroughput: 675e3 / 8 };

// Loads `path` with an empty cache: bytes of scripts as they come over the line,
// ms to the load event, until the page shows what the server says, and until it
// has counted the library.
async function load(path, isSlow) {
  const page = await (await browser.newContext()).newPage();
  const line = await page.context().newCDPSession(page);
  const scripts = new Map();
  let bytes = 0;
  await line.send('Network.enable');
  if (isSlow) await line.send('Network.emulateNetworkConditions', LINE);
  line.on('Network.responseReceived', ({ requestId, type }) => scripts.set(requestId, type === 'Script'));
  line.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => { if (scripts.get(requestId)) bytes += encodedDataLength; });
  const start = performance.now();
  await page.goto(base + path, { waitUntil: 'load' });
  const loaded = performance.now() - start;
  await page.getByText(/^Live · Hearth/).first().waitFor();
  const live = performance.now() - start;
  const scriptBytes = bytes; // the dashboard's chart comes later
  await page.getByTitle(/in the library$/).first().waitFor({ state: 'attached' });
  const complete = performance.now() - start;
  await page.context().close();
  return { bytes: scriptBytes, loaded, live, complete };
}

async function loads() {
  console.log('| first page | scripts, KiB over the line | load, s | live and to be used, s | all models known, s |\n|---|--:|--:|--:|--:|');
  for (const [name, isSlow] of [['as fast as it goes', false], ['simulated 3G (1.44 Mbit/s, 562 ms)', true]]) {
    const runs = [];
    for (let i = 0; i < rounds; i++) runs.push(await load('/', isSlow));
    const of = (key, unit) => (median(runs.map((run) => run[key])) / unit).toFixed(unit === 1024 ? 1 : 2);
    console.log(`| ${name} | ${of('bytes', 1024)} | ${of('loaded', 1000)} | ${of('live', 1000)} | ${of('complete', 1000)} |`);
  }
}

// Scrolls the table by `step` pixels a frame: ms of each frame, and the most rows
// that the document had.
const scrolled = (grid, step) => grid.evaluate(async (node, px) => {
  const [frames, rows] = [[], []];
  node.scrollTop = 0;
  for (let i = 0; i < 10; i++) await new Promise(requestAnimationFrame);
  let before = await new Promise(requestAnimationFrame);
  for (const end = before + 5000; before < end;) {
    node.scrollTop = (node.scrollTop + px) % (node.scrollHeight - node.clientHeight);
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - before);
    rows.push(node.querySelectorAll('[role=row]').length);
    before = now;
  }
  return { frames, rows: Math.max(...rows) };
}, step);

async function scroll() {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  await page.goto(`${base}/models`);
  const grid = page.getByRole('grid', { name: 'Models' });
  await grid.waitFor({ timeout: 60_000 });
  console.log('| table of models, 5 s | models | rows in the document, most | frames/s, median | 5th percentile |\n|---|--:|--:|--:|--:|');
  for (const [name, step] of [['60 px a frame', 60], ['a new screenful each frame', 700]]) {
    const runs = [];
    for (let i = 0; i < rounds; i++) runs.push(await scrolled(grid, step));
    const frames = runs.flatMap((run) => run.frames);
    const models = Number(await grid.getAttribute('aria-rowcount')) - 1;
    console.log(`| ${name} | ${models} | ${Math.max(...runs.map((run) => run.rows))} | ${(1000 / median(frames)).toFixed(1)} | ${(1000 / part(frames, 0.95)).toFixed(1)} |`);
  }
}

await { load: loads, scroll }[what]();
await browser.close();
