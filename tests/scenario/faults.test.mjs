// Engines that misbehave on command, seen from a client's side.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { Hearth, freePort, isAlive, sleep, until } from './lib/hearth.mjs';

const FAKE = process.env.HEARTH_FAKE_ENGINE;
// One row for each engine: its name, its flags, other fields of its profile.
const ENGINES = {
  good: [['--words', 'one two three']],
  short_lived: [['--idle-ms', '5000', '--max-requests', '100']],
  absent: [[], { command: ['/nonexistent/engine', '${port}'] }],
  exits_at_once: [['--exit-at-start', '3']],
  exits_zero: [['--exit-at-start', '0']],
  exits_loading: [['--load-ms', '60000', '--exit-after-ms', '300', '--exit-code', '7']],
  never_ready: [['--never-ready', '1'], { load_timeout_s: 1 }],
  hangs: [['--hang-after-ms', '1'], { restart_policy: 'never' }],
  stubborn: [['--ignore-term', '1']],
  grandchild: [['--grandchild-s', '30']],
  flood: [['--flood-mb-per-s', '100', '--flood-ms', '8000']],
  slow_load: [['--load-ms', '6500']],
};
let hearth;

before(async () => {
  const rows = Object.entries(ENGINES).map(([name, [flags, fields = {}]]) => JSON.stringify({
    name, engine: 'command', restart_policy: 'never',
    command: [FAKE, '--port', '${port}', ...flags], ...fields }));
  hearth = await Hearth.start({ config: `models_max: 0\nhealth_interval_ms: 300\nprofiles:\n${rows.map((row) => `  - ${row}`).join('\n')}\n` });
});
after(() => hearth?.stop());

// A chat whose body is read piece by piece.
function stream(model, fake, extra = {}) {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'hi' }], ...extra });
    const req = http.request({ host: '127.0.0.1', port: hearth.port, method: 'POST', agent: false,
      path: '/v1/chat/completions', headers: { 'Content-Type': 'application/json', 'Content-Length': body.length, 'X-Fake': fake } });
    // After the answer has begun, a reset is told to its reader too.
    let hasBegun = false;
    req.on('error', (error) => { if (!hasBegun) reject(error); });
    req.on('response', (res) => {
      let text = '';
      hasBegun = true;
      res.on('data', (piece) => { text += piece; });
      res.on('end', () => resolve({ text, isWhole: true, status: res.statusCode }));
      res.on('error', () => resolve({ text, isWhole: false, status: res.statusCode }));
    });
    req.end(body);
  });
}
const stats = async (name) => {
  const answer = await hearth.request('GET', `/upstream/${name}/stats`);
  return answer.json();
};
const failure = async (name) => {
  const answer = await hearth.chat(name);
  assert.equal(answer.status, 503, answer.text);
  const { data } = await hearth.api('GET', `/api/servers/${name}/status`);
  return { answer: answer.json(), status: data };
};

test('does not exec: told by name, at once', async () => {
  const { answer, status } = await failure('absent');
  assert.match(answer.error.message, /nonexistent/);
  assert.equal(status.state, 'failed');
});

test('exits at once: its code and its last lines', async () => {
  const { answer, status } = await failure('exits_at_once');
  assert.equal(status.exit_code, 3);
  assert.ok(answer.error.message.length > 0);
});

test('exits 0 unasked: that is a failure too', async () => {
  const { status } = await failure('exits_zero');
  assert.equal(status.state, 'failed');
  assert.equal(status.exit_code, 0);
});

test('exits while loading', async () => {
  assert.equal((await failure('exits_loading')).status.exit_code, 7);
});

test('is never ready: the load timeout ends it', async () => {
  const { status } = await failure('never_ready');
  assert.equal(status.state, 'failed');
  assert.equal(status.error.code, 'load_timeout');
});

test('hangs behind a probe that says it is well', async () => {
  await hearth.api('POST', '/api/servers/hangs/start?wait=1');
  await hearth.untilState('hangs', 'unhealthy', 'failed', 'stopping', 'stopped');
});

test('ignores SIGTERM: forced, and the answer says so', async () => {
  await hearth.api('POST', '/api/servers/stubborn/start?wait=1');
  const { pid } = await hearth.server('stubborn');
  const stopped = await hearth.api('POST', '/api/servers/stubborn/stop?wait=1');
  assert.equal(stopped.data.stop, 'forced');
  assert.ok(!isAlive(pid));
});

test('a grandchild that holds the output does not hold us', async () => {
  await hearth.api('POST', '/api/servers/grandchild/start?wait=1');
  const begun = Date.now();
  const stopped = await hearth.api('POST', '/api/servers/grandchild/stop?wait=1');
  assert.equal(stopped.status, 200, JSON.stringify(stopped));
  assert.ok(Date.now() - begun < 8000);
});

test('floods its log: the engine is not held up, nothing grows', { timeout: 60000 }, async () => {
  await hearth.api('POST', '/api/servers/flood/start?wait=1');
  const rss = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${hearth.pid}/status`, 'utf8'))[1]);
  await sleep(1500);
  const before = rss();
  for (let i = 0; i < 10; i++) {
    assert.equal((await hearth.chat('flood')).status, 200);
    await sleep(200);
  }
  assert.ok(rss() - before < 48 * 1024, `grew by ${rss() - before} KiB`);
  const numbers = await stats('flood');
  assert.ok(numbers.max_write_us < 1000000, `a write took ${numbers.max_write_us} us`);
  await hearth.api('POST', '/api/servers/flood/stop?wait=1');
});

test('dies mid-stream: the client sees a broken stream', async () => {
  for (const fake of ['cut-after-chunks=2', 'die-after-chunks=2', 'bad-chunk=1']) {
    await until('it to be up', async () => (await hearth.chat('good')).status === 200);
    const got = await stream('good', `${fake}; chunk-delay-ms=20`);
    assert.equal(got.isWhole, false, `${fake}: ${got.text}`);
    assert.doesNotMatch(got.text, /\[DONE\]/);
  }
});

test('dies before it answers: 502 once, and it is not asked twice', async () => {
  await until('it to be up', async () => (await hearth.chat('good')).status === 200);
  const before = await stats('good');
  const got = await hearth.request('POST', '/v1/chat/completions', {
    body: { model: 'good', messages: [] }, headers: { 'X-Fake': 'cut-before=1' } });
  assert.equal(got.status, 502, got.text);
  assert.ok(got.json().error.message);
  const now = await stats('good');
  assert.equal(now.posts - before.posts, 1, 'one POST reached it');
});

test('a short body is not a whole answer', async () => {
  await assert.rejects(hearth.request('POST', '/v1/chat/completions', {
    body: { model: 'good', messages: [] }, headers: { 'X-Fake': 'short-body=1' } }));
});

test('closes idle connections and after 100 requests: nobody sees a 502', { timeout: 120000 }, async () => {
  assert.equal((await hearth.chat('short_lived')).status, 200);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  const post = () => new Promise((resolve, reject) => {
    const body = JSON.stringify({ model: 'short_lived', messages: [] });
    const req = http.request({ host: '127.0.0.1', port: hearth.port, method: 'POST', path: '/v1/chat/completions', agent,
      headers: { 'Content-Type': 'application/json', 'Content-Length': body.length } }, (res) => {
      res.resume();
      res.on('end', () => resolve(res.statusCode));
      res.on('error', reject);
    });
    req.on('error', reject);
    req.end(body);
  });
  for (let round = 0; round < 3; round++) {
    const statuses = await Promise.all(Array.from({ length: 16 }, async () => {
      const seen = [];
      for (let i = 0; i < 60; i++) seen.push(await post());
      return seen;
    }));
    assert.deepEqual([...new Set(statuses.flat())], [200]);
    await sleep([4500, 4980, 0][round]);
  }
  agent.destroy();
});

test('another process holds its port', async () => {
  const port = await freePort();
  const holder = http.createServer((req, res) => res.end('{"status":"ok"}')).listen(port, '127.0.0.1');
  await until('the port to be held', () => holder.listening);
  const made = await hearth.api('POST', '/api/profiles', { name: 'squatted', engine: 'command', port, restart_policy: 'never',
    command: [FAKE, '--port', '${port}', '--bind-delay-ms', '500'] });
  assert.equal(made.status, 201, JSON.stringify(made));
  const got = await hearth.api('POST', '/api/servers/squatted/start?wait=1');
  assert.equal(got.status, 409, JSON.stringify(got));
  assert.equal(got.error.code, 'port_in_use');
  holder.close();
});

test('a client that stops reading a 300 MB answer', { timeout: 120000 }, async () => {
  assert.equal((await hearth.chat('good')).status, 200);
  const rss = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${hearth.pid}/status`, 'utf8'))[1]);
  const bytes = 300 * 1024 * 1024;
  const before = rss();
  const socket = net.connect(hearth.port, '127.0.0.1');
  socket.write(`GET /upstream/good/big?bytes=${bytes} HTTP/1.1\r\nHost: 127.0.0.1:${hearth.port}\r\nConnection: close\r\n\r\n`);
  let got = 0;
  const first = await new Promise((resolve) => socket.once('data', resolve));
  got += first.length;
  socket.pause();
  await sleep(1500);
  const grown = rss() - before;
  const ended = new Promise((resolve) => socket.on('end', resolve));
  socket.on('data', (piece) => { got += piece.length; });
  socket.resume();
  await ended;
  const headBytes = first.indexOf('\r\n\r\n') + 4;
  assert.equal(got - headBytes, bytes);
  assert.ok(grown < 4096, `resident memory grew by ${grown} KiB`);
});

test('a load in flight is joined, and progress is told on request', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, () => hearth.chat('slow_load')));
  assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [200]);
  assert.equal((await stats('slow_load')).posts >= 8, true);
  await hearth.api('POST', '/api/servers/slow_load/stop?wait=1');
  const body = JSON.stringify({ model: 'slow_load', stream: true, messages: [] });
  const text = await new Promise((resolve, reject) => {
    const req = http.request({ host: '127.0.0.1', port: hearth.port, method: 'POST', path: '/v1/chat/completions', agent: false,
      headers: { 'Content-Type': 'application/json', 'Content-Length': body.length, 'X-Hearth-Progress': '1' } }, (res) => {
      let all = '';
      res.on('data', (piece) => { all += piece; });
      res.on('end', () => resolve(all));
      res.on('error', reject);
    });
    req.on('error', reject);
    req.end(body);
  });
  assert.ok(text.match(/^: loading \(loading\)$/gm).length >= 2, `told again while it lasts: ${text}`);
  assert.match(text, /\[DONE\]/);
});

test('a WebSocket goes through to the engine', async () => {
  assert.equal((await hearth.chat('good')).status, 200);
  const echoed = await new Promise((resolve, reject) => {
    const req = http.request({ host: '127.0.0.1', port: hearth.port, path: '/upstream/good/socket', agent: false,
      headers: { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' } });
    req.on('error', reject);
    req.on('response', (res) => reject(new Error(`no upgrade: ${res.statusCode}`)));
    req.on('upgrade', (res, socket) => {
      socket.once('data', (piece) => { resolve(piece.toString()); socket.destroy(); });
      socket.write('ping through');
    });
    req.end();
  });
  assert.equal(echoed, 'ping through');
});
