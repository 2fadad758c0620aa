// The dashboard in Debian's Chromium: what its first page loads, how long that
// takes over a simulated 3G line, and how smoothly a table of many models
// scrolls. Prints Markdown. Arguments: address, rounds.
import fs from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../scenario/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const [base, rounds] = [process.argv[2], Number(process.argv[3])];
const program = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) => fs.existsSync(file));
const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'] });
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const at = (values, share) => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];

// What "Fast 3G" is in Chromium's own tools.
const LINE = { offline: false, latency: 562.5, downloadThroughput: 1.44e6 / 8, uploadThroughput: 675e3 / 8 };

// Loads `path` with an empty cache: bytes of scripts as they come over the line,
// ms to the load event and until the page shows what the server says.
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
  await page.context().close();
  return { bytes, loaded, live };
}

console.log('| first page | scripts, KiB over the line | load, s | live and to be used, s |\n|---|--:|--:|--:|');
for (const [name, isSlow] of [['as fast as it goes', false], ['simulated 3G (1.44 Mbit/s, 562 ms)', true]]) {
  const runs = [];
  for (let i = 0; i < rounds; i++) runs.push(await load('/', isSlow));
  const of = (key, unit) => (median(runs.map((run) => run[key])) / unit).toFixed(unit === 1024 ? 1 : 2);
  console.log(`| ${name} | ${of('bytes', 1024)} | ${of('loaded', 1000)} | ${of('live', 1000)} |`);
}

// Scrolls by a wheel turn each frame for three seconds.
const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
await page.goto(`${base}/models`);
await page.getByText(/^Live · Hearth/).first().waitFor();
await page.getByRole('row').nth(5).waitFor();
const frames = await page.evaluate(() => new Promise((resolve) => {
  const scroller = [...document.querySelectorAll('*')].filter((node) => node.scrollHeight > node.clientHeight + 1000 &&
    /auto|scroll/.test(getComputedStyle(node).overflowY)).at(-1) ?? document.scrollingElement;
  const times = [];
  let last = performance.now();
  const begun = last;
  const step = (now) => {
    times.push(now - last);
    last = now;
    scroller.scrollTop += 120;
    if (now - begun < 3000) requestAnimationFrame(step);
    else resolve({ times: times.slice(1), top: scroller.scrollTop, height: scroller.scrollHeight });
  };
  requestAnimationFrame(step);
}));
const late = frames.times.filter((ms) => ms > 1000 / 60 * 1.5).length;
console.log(`\n| scrolling the table of models | frames in 3 s | ms for each, p50 | p99 | late frames | scrolled to |\n|---|--:|--:|--:|--:|--:|`);
console.log(`| ${frames.height} px high | ${frames.times.length} | ${at(frames.times, 0.5).toFixed(1)} | ${at(frames.times, 0.99).toFixed(1)} | ${late} | ${frames.top} px |`);
await browser.close();
