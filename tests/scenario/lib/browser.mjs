// A real browser for one test file: Debian's Chromium, headless, in a profile of
// its own. Everything a page prints, every error and every request to another
// host than the daemon's is collected; `page.quiet()` fails when there is any.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  .find((file) => fs.existsSync(file));
// Where pictures go: HEARTH_SHOTS=FOLDER keeps one of every page.shot().
const SHOTS = process.env.HEARTH_SHOTS;

export const WIDE = { width: 1280, height: 800 };
export const NARROW = { width: 390, height: 844 };

export class Browser {
  static async start() {
    assert.ok(CHROMIUM, 'no chromium: tools/packages test installs it');
    const browser = new Browser();
    browser.process = await chromium.launch({ executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'] });
    return browser;
  }

  // A window without cookies. options: { size: WIDE, theme: 'light' | 'dark',
  // reducedMotion: true, at: '/servers', headers: {} }
  async open(base, { size = WIDE, theme = 'light', reducedMotion = true, at = '/', headers = {} } = {}) {
    const context = await this.process.newContext({ viewport: size, colorScheme: theme,
      reducedMotion: reducedMotion ? 'reduce' : 'no-preference', baseURL: base, extraHTTPHeaders: headers });
    const page = await context.newPage();
    watch(page, base);
    await page.goto(base.replace(/\/$/, '') + at);
    return page;
  }

  // The same, signed in by a link that the daemon gives once: it may do all.
  async signIn(hearth, { at = '/', ...options } = {}) {
    const { data } = await hearth.api('POST', '/api/session/link', {});
    const page = await this.open(hearth.base, { ...options, at: `/?link=${new URL(data.url).searchParams.get('link')}` });
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.goto(hearth.base.replace(/\/$/, '') + at);
    return page;
  }

  stop() {
    return this.process.close();
  }
}

// Adds what tests ask of a page: its name says what it asserts.
function watch(page, base) {
  const noise = [];
  const host = new URL(base).host;
  page.on('console', (message) => noise.push(`console ${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => noise.push(`error: ${error.stack ?? error}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (['http:', 'https:', 'ws:', 'wss:'].includes(url.protocol) && url.host !== host)
      noise.push(`request to another host: ${url}`);
  });
  page.on('websocket', (socket) => {
    if (new URL(socket.url()).host !== host) noise.push(`websocket to another host: ${socket.url()}`);
  });

  page.quiet = () => assert.deepEqual(noise, []);
  // What was printed so far was expected (a connection that was cut).
  page.forgetNoise = () => noise.splice(0);

  // Nothing that axe-core calls serious or critical.
  page.accessible = async (what) => {
    const { violations } = await new AxeBuilder({ page }).analyze();
    const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    assert.deepEqual(grave.map(({ id, help, nodes }) =>
      ({ id, help, at: nodes.map(({ html, any, all }) => [html, [...any, ...all].map((one) => one.message)]) })), [], what);
  };

  // Nothing to be scrolled sideways.
  page.fitsWidth = async (what) => {
    const [has, shows] = await page.evaluate(() =>
      [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.ok(has <= shows, `${what ?? page.url()}: ${has} px wide in ${shows} px`);
  };

  page.theme = (name) => page.emulateMedia({ colorScheme: name });

  page.shot = async (name) => {
    if (!SHOTS) return;
    fs.mkdirSync(SHOTS, { recursive: true });
    await page.screenshot({ path: path.join(SHOTS, `${name}.png`) });
  };
}
