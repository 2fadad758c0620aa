// A real daemon for one test file: its own data folder, its own models, its
// own port. Every process that is started here is ended here, by pid.
import { spawn, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

const need = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests with ./dev test`);
  return value;
};

export const HEARTH = need('HEARTH_BIN');
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Polls `check` until it gives something true; says what was waited for.
export async function until(what, check, ms = 20000) {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    try {
      last = await check();
      if (last) return last;
    } catch (error) {
      if (error.fatal) throw error;
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited ${ms} ms for ${what}; last: ${last}`);
    await sleep(20);
  }
}

export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
  } catch {
    return false;
  }
}

// Writes a tiny model that answers with the words of `say`, in order.
export function writeModel(file, options) {
  const args = ['demo-model', file];
  for (const [key, value] of Object.entries(options))
    args.push(...(value === true ? [`--${key}`] : [`--${key}`, String(value)]));
  execFileSync(HEARTH, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

// One HTTP request; resolves to {status, headers, text, json()}.
export function request(base, method, target, { body, headers = {}, socketPath } = {}) {
  return new Promise((resolve, reject) => {
    const url = new URL(base);
    const text = body === undefined || typeof body === 'string' || Buffer.isBuffer(body)
      ? body : JSON.stringify(body);
    const req = http.request({
      ...(socketPath ? { socketPath } : { host: url.hostname, port: url.port }),
      method, path: target, agent: false,
      headers: {
        Host: url.host,
        ...(text === undefined ? {} : { 'Content-Type': 'application/json',
                                        'Content-Length': Buffer.byteLength(text) }),
        ...headers,
      },
    }, (res) => {
      const chunks = [];
      res.on('data', (chunk) => chunks.push(chunk));
      res.on('error', reject);
      res.on('aborted', () => reject(new Error('the answer broke off')));
      res.on('end', () => {
        const whole = Buffer.concat(chunks).toString();
        resolve({ status: res.statusCode, headers: res.headers, text: whole,
                  json: () => JSON.parse(whole) });
      });
    });
    req.on('error', reject);
    req.end(text);
  });
}

// A home of its own, and none of the variables that name model stores: what
// the machine has must not be in a test's library.
function ownHome(dir) {
  const home = path.join(dir, 'home');
  fs.mkdirSync(home, { recursive: true });
  return { HOME: home, XDG_CONFIG_HOME: path.join(dir, 'config'), XDG_CACHE_HOME: undefined,
           XDG_DATA_HOME: undefined, HF_HOME: undefined, HF_HUB_CACHE: undefined,
           LLAMA_CACHE: undefined, OLLAMA_MODELS: undefined };
}

export class Hearth {
  // options: { models: {stem: demo-model options}, config: yaml text,
  //            env, args, dir: a folder to go on with,
  //            basePath: as the config has it }; $MODELS in config
  // is the folder of the models.
  static async start(options = {}) {
    const hearth = new Hearth();
    hearth.options = options;
    hearth.dir = options.dir ?? fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-test-'));
    hearth.home = path.join(hearth.dir, 'home');
    hearth.models = path.join(hearth.dir, 'models');
    hearth.data = path.join(hearth.dir, 'data');
    hearth.socket = path.join(hearth.data, 'hearth.sock');
    fs.mkdirSync(hearth.models, { recursive: true });
    for (const [stem, model] of Object.entries(options.models ?? {})) {
      const file = path.join(hearth.models, `${stem}.gguf`);
      if (!fs.existsSync(file)) writeModel(file, model);
    }
    await hearth.spawn();
    return hearth;
  }

  async spawn() {
    const { env = {}, args = [], basePath = '' } = this.options;
    const config = (this.options.config ?? '').replaceAll('$MODELS', this.models);
    this.port ??= await freePort();
    this.base = `http://127.0.0.1:${this.port}`;
    const file = path.join(this.dir, 'hearth.yaml');
    fs.writeFileSync(file, `engine_threads: 1\nmodels_dirs: [${JSON.stringify(this.models)}]\n${config}`);
    const llama = process.env.HEARTH_LLAMA_SERVER;
    this.log = fs.openSync(path.join(this.dir, 'serve.log'), 'a');
    this.child = spawn(HEARTH, ['serve', '--config', file, '--port', String(this.port),
                                '--data-dir', this.data, ...args], {
      stdio: ['ignore', this.log, this.log],
      env: { ...process.env, ...ownHome(this.dir),
             PATH: (llama ? `${path.dirname(llama)}:` : '') + process.env.PATH, ...env },
    });
    fs.closeSync(this.log);
    this.pid = this.child.pid;
    this.ended = once(this.child, 'exit').then(([code, signal]) => ({ code, signal }));
    let exit;
    this.ended.then((how) => { exit = how; });
    await until('hearth to answer', async () => {
      if (exit) throw Object.assign(new Error(`hearth ended: ${JSON.stringify(exit)}\n${this.output()}`), { fatal: true });
      return (await request(this.base, 'GET', `${basePath}/health`)).status === 200;
    }).catch((error) => { throw new Error(`${error.message}\n${this.output()}`); });
  }

  output() {
    return fs.readFileSync(path.join(this.dir, 'serve.log'), 'utf8');
  }

  request(method, target, options) {
    return request(this.base, method, target, options);
  }

  // A call to the management API over the unix socket: full authority.
  async api(method, target, body) {
    const answer = await request(this.base, method, target, { body, socketPath: this.socket });
    const value = answer.text === '' ? null : answer.json();
    return { status: answer.status, headers: answer.headers, ...value };
  }

  chat(model, extra = {}) {
    return this.request('POST', '/v1/chat/completions', {
      body: { model, messages: [{ role: 'user', content: 'hi' }], max_tokens: 64, ...extra } });
  }

  async server(name) {
    const { data } = await this.api('GET', '/api/servers');
    return data.find((row) => row.profile_name === name);
  }

  untilState(name, ...states) {
    return until(`${name} to be ${states.join(' or ')}`, async () => {
      const row = await this.server(name);
      return row && states.includes(row.state) ? row : null;
    });
  }

  async kill9() {
    process.kill(this.pid, 'SIGKILL');
    await this.ended;
  }

  // The orderly end; the folder goes too unless it is to be kept.
  async stop({ keep = false } = {}) {
    if (isAlive(this.pid)) process.kill(this.pid, 'SIGTERM');
    const timer = setTimeout(() => process.kill(this.pid, 'SIGKILL'), 30000);
    const how = await this.ended;
    clearTimeout(timer);
    if (how.code !== 0 && how.signal !== 'SIGKILL')
      console.error(`hearth ended with ${JSON.stringify(how)}; its last words:\n${this.output().slice(-4000)}`);
    if (!keep) fs.rmSync(this.dir, { recursive: true, force: true });
    return how;
  }
}
