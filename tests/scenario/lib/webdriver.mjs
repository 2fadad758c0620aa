// Firefox by WebDriver BiDi (w3.org/TR/webdriver-bidi) and WebKitGTK by WebDriver
// (w3.org/TR/webdriver2), as far as browsers.mjs needs them. Both have the same verbs:
//
//     page = await browser.open(url)     a tab, when its document has loaded
//     page.go(url)                       likewise
//     page.run(function, ...args)        its value; what goes in and out is JSON
//     page.shot(file)                    a picture of what is seen, as PNG
//     browser.complaints                 what scripts said or threw, where it can be had
//     browser.close()                    ends it, and all that belongs to it
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import WebSocket from 'ws';
import { until } from './hearth.mjs';

const SIZE = { width: 1280, height: 800 };
const LOCALE = { LANG: 'en_US.UTF-8', LC_ALL: 'en_US.UTF-8' };

// The program, and a line of what it says: `port` in `pattern`.
async function start(program, args, pattern) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...LOCALE } });
  let said = '', problem = null;
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { said += data; });
  child.on('error', (error) => { problem = error; });
  await until(`${program} to listen`, () => {
    if (problem) throw Object.assign(problem, { fatal: true });
    return pattern.test(said);
  }, 30000);
  return { child, said: () => said };
}

async function end(child) {
  const ended = child.exitCode !== null ? null : new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  await ended;
}

export class Firefox {
  name = 'Firefox';
  complaints = [];
  #waiting = new Map();
  #n = 0;

  static async start() {
    const browser = new Firefox();
    browser.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-firefox-'));
    const { child, said } = await start('firefox-esr', ['--headless', '--no-remote', '--remote-debugging-port', '0',
      '--profile', browser.dir], /BiDi listening on (ws:\S+)/);
    browser.child = child;
    browser.socket = new WebSocket(`${/BiDi listening on (ws:\S+)/.exec(said())[1]}/session`);
    await new Promise((resolve, reject) => browser.socket.once('open', resolve).once('error', reject));
    browser.socket.on('message', (text) => browser.#take(JSON.parse(text)));
    const { capabilities } = await browser.send('session.new', { capabilities: {} });
    browser.version = capabilities.browserVersion;
    await browser.send('session.subscribe', { events: ['log.entryAdded'] });
    return browser;
  }

  #take({ id, result, error, message, method, params }) {
    if (method === 'log.entryAdded') this.complaints.push(`${params.level}: ${params.text}`);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(`${error}: ${message}`));
    else waiting?.resolve(result);
  }

  send(method, params) {
    const id = ++this.#n;
    this.socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  async open(url) {
    const { context } = await this.send('browsingContext.create', { type: 'tab' });
    await this.send('browsingContext.setViewport', { context, viewport: SIZE });
    const page = {
      go: (to) => this.send('browsingContext.navigate', { context, url: to, wait: 'complete' }),
      run: async (run, ...args) => {
        const { result, exceptionDetails } = await this.send('script.callFunction', { target: { context }, awaitPromise: true,
          functionDeclaration: `async (args) => JSON.stringify((await (${run})(...JSON.parse(args))) ?? null)`,
          arguments: [{ type: 'string', value: JSON.stringify(args) }] });
        if (exceptionDetails) throw new Error(exceptionDetails.text);
        return JSON.parse(result.value);
      },
      shot: async (file) => {
        const { data } = await this.send('browsingContext.captureScreenshot', { context });
        fs.writeFileSync(file, data, 'base64');
      },
    };
    await page.go(url);
    return page;
  }

  async close() {
    this.socket?.terminate();
    await end(this.child);
    fs.rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

// The engine of Safari. It needs a display: browsers.mjs is run by xvfb-run.
export class WebKit {
  name = 'WebKitGTK';
  complaints = [];

  static async start() {
    const browser = new WebKit();
    const port = 20000 + (process.pid % 20000);
    browser.base = `http://127.0.0.1:${port}`;
    browser.child = spawn('WebKitWebDriver', [`--port=${port}`], { stdio: 'ignore', env: { ...process.env, ...LOCALE,
      WEBKIT_DISABLE_COMPOSITING_MODE: '1', WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' } });
    await until('WebKitWebDriver to listen', () => fetch(`${browser.base}/status`).then(() => true, () => false), 30000);
    const { sessionId, capabilities } = await browser.send('POST', '/session', { capabilities: { alwaysMatch: {
      'webkitgtk:browserOptions': { binary: WebKit.binary(), args: ['--automation'] } } } });
    browser.session = `/session/${sessionId}`;
    browser.version = capabilities.browserVersion;
    return browser;
  }

  // Where Debian has it: beside the library, for its kind of processor.
  static binary() {
    const found = fs.readdirSync('/usr/lib').map((dir) => `/usr/lib/${dir}/webkit2gtk-4.1/MiniBrowser`).find((file) => fs.existsSync(file));
    if (!found) throw new Error('MiniBrowser of webkit2gtk-4.1 is not in /usr/lib');
    return found;
  }

  async send(method, target, body = {}) {
    const answer = await fetch(this.base + target, { method, body: method === 'POST' ? JSON.stringify(body) : undefined });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${target}: ${value.error}: ${value.message}`);
    return value;
  }

  async open(url) {
    const { handle } = this.isOpen ? await this.send('POST', `${this.session}/window/new`, { type: 'tab' })
      : { handle: await this.send('GET', `${this.session}/window`) };
    this.isOpen = true;
    const send = async (method, target, body) => {
      await this.send('POST', `${this.session}/window`, { handle });
      return this.send(method, this.session + target, body);
    };
    const page = {
      go: async (to) => {
        await send('POST', '/url', { url: to });
        await page.run(() => {
          window.complaints = [];
          addEventListener('error', ({ message }) => window.complaints.push(message));
          addEventListener('unhandledrejection', ({ reason }) => window.complaints.push(String(reason)));
        });
      },
      run: async (run, ...args) => {
        const script = `return Promise.resolve((${run})(...JSON.parse(arguments[0]))).then((value) => JSON.stringify([value ?? null, window.complaints ?? []]))`;
        const [value, complaints] = JSON.parse(await send('POST', '/execute/sync', { script, args: [JSON.stringify(args)] }));
        this.complaints.push(...complaints.splice(0));
        return value;
      },
      shot: async (file) => fs.writeFileSync(file, await send('GET', '/screenshot'), 'base64'),
    };
    await this.send('POST', `${this.session}/window`, { handle });
    await this.send('POST', `${this.session}/window/rect`, SIZE);
    await page.go(url);
    return page;
  }

  async close() {
    if (this.session) await this.send('DELETE', this.session).catch(() => {});
    await end(this.child);
  }
}
