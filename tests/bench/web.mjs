// The dashboard in Debian's Chromium: what its first page loads, and how long that
// takes over a simulated 3G line. Prints Markdown. Arguments: address, rounds.
import fs from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../scenario/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const [base, rounds] = [process.argv[2], Number(process.argv[3])];
const program = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) => fs.existsSync(file));
const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'] });
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

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

await browser.close();
