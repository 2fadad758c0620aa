// The control plane of the real daemon: bad input on every route, the life
// of a server, its log, each answer judged by the OpenAPI document.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Hearth, isAlive, request, until } from '../lib/hearth.mjs';
import { Document, fill } from './document.mjs';

const FAKE = process.env.HEARTH_FAKE_ENGINE;
const engine = (...flags) => ({ engine: 'command', restart_policy: 'never',
                                command: [FAKE, '--port', '${port}', ...flags] });
let hearth, small, document;

before(async () => {
  hearth = await Hearth.start({});
  small = await Hearth.start({ config: 'max_body_bytes: 2000000\n' });
  document = await Document.read(hearth);
  await ask('POST', '/api/profiles', { name: 'known', ...engine() }, 201);
});
after(async () => { await hearth?.stop(); await small?.stop(); });

const routeOf = (method, target) => {
  const parts = target.split('?')[0].split('/');
  const fits = (route) => {
    const pattern = route.path.split('/');
    return route.method === method && pattern.length === parts.length
      && pattern.every((part, i) => part.startsWith('{') || part === parts[i]);
  };
  const routes = document.routes().filter(fits);
  return routes.find((route) => !route.path.includes('{')) ?? routes[0];
};

// Asks over the socket, wants the status and an answer that fits.
async function ask(method, target, body, status, headers) {
  const answer = await request(hearth.base, method, target, { body, headers, socketPath: hearth.socket });
  const what = `${method} ${target} ${typeof body === 'string' ? body : JSON.stringify(body) ?? ''}`;
  assert.equal(answer.status, status, `${what}: ${answer.text.slice(0, 400)}`);
  const route = routeOf(method, target);
  assert.equal(document.complaint(route, answer), null, `${what}: ${answer.text.slice(0, 400)}`);
  return answer.text === '' ? null : answer.text.startsWith('{') ? answer.json() : answer.text;
}

test('bad input on every route', async () => {
  const bad = [
    ['{}', 415, { 'Content-Type': 'text/plain' }],
    ['{"a":', 400], ['{"a":1,}', 400], ['[]', 400], ['17', 400],
    [Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]), 400],
    ['{"nonsense_field":1}', 422],
    [' '.repeat(2 * 1024 * 1024), 413],
  ];
  for (const route of document.ours()) {
    const target = fill(route, 'known');
    // What is wrong with a draft is what its preview is asked for.
    const isPreview = target === '/api/profiles/preview';
    for (const [body, usual, headers] of bad) {
      // A configuration may be longer than that, so it is read, and found blank.
      const status = usual === 413 && target === '/api/config/import' ? 400 : usual;
      const answer = await ask(route.method, target, body, status === 422 && isPreview ? 200 : status, headers);
      const problems = status === 422 && (isPreview ? answer.data.problems : answer.error.details);
      if (problems) assert.equal(problems[0].field, 'nonsense_field');
    }
    const answer = await ask(route.method, `${target}?nonsense=1`, undefined, 422);
    assert.equal(answer.error.details[0].field, 'nonsense');
    const wrong = await request(hearth.base, 'PATCH', target, { socketPath: hearth.socket });
    assert.equal(wrong.status, 405);
    assert.ok(wrong.headers.allow.includes(route.method), wrong.headers.allow);
  }
});

test('a configuration has a limit, too', async () => {
  const headers = { 'Content-Type': 'application/json', 'Content-Length': 64 * 1024 * 1024 + 1 };
  await ask('POST', '/api/config/import', undefined, 413, headers);
});

test('bad input on every inference path', async () => {
  const bad = [
    // what is sent, the status where a body is read, where ?model= is
    ['{"model":', 400], ['{"model":17}', 400], ['{"model":null}', 400], ['{"model":["known"]}', 400],
    ['{"model":{"a":1}}', 400], ['{}', 400], ['[]', 400], ['17', 400], ['"known"', 400], ['', 400],
    ['{"model":"known","model":"other"}', 400], ['{"model":"nobody"}', 404],
    [Buffer.concat([Buffer.from('{"model":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]), 400],
    [`{"model":"nobody","pad":"${'x'.repeat(3 * 1024 * 1024)}"}`, 413],
  ];
  const routes = document.inference();
  assert.ok(routes.length >= 40, `${routes.length}`);
  for (const route of routes) {
    const target = fill(route, 'nobody');
    const judge = async (method, target, options, status) => {
      const answer = await request(small.base, method, target, { socketPath: small.socket, ...options });
      const what = `${method} ${target} ${String(options.body ?? '').slice(0, 40)}`;
      assert.ok([status].flat().includes(answer.status), `${what}: ${answer.status} ${answer.text.slice(0, 300)}`);
      assert.equal(document.complaint(route, answer), null, `${what}: ${answer.text.slice(0, 300)}`);
      return answer;
    };
    const [body] = Object.values(route.operation.requestBody?.content ?? {});
    if (body && !route.path.startsWith('/upstream/')) {
      // A list's changes take a small body of their own and know no size but that.
      for (const [sent, status] of bad)
        await judge(route.method, target, { body: sent }, status);
      await judge(route.method, target, { body: '{"model":"nobody"}', headers: { 'Content-Type': 'multipart/form-data; boundary=x' } }, [400, 404]);
    } else if (route.path.includes('{model}')) {
      await judge(route.method, target, {}, 404);
      await judge(route.method, route.path.replace('{model}', '%00').replace('{rest}', 'x'), {}, [400, 404]);
    } else if (!['/models', '/v1/models'].includes(route.path)) {
      if (route.path !== '/props') await judge(route.method, target, {}, 400);
      await judge(route.method, `${target}?model=nobody`, {}, 404);
      await judge(route.method, `${target}?model=`, {}, [400, 404, ...(route.path === '/props' ? [200] : [])]);
    } else {
      await judge(route.method, target, {}, 200);
    }
    const methods = document.routes().filter(({ path }) => path === route.path).map(({ method }) => method);
    const answer = await judge(methods.includes('PATCH') ? 'TRACE' : 'PATCH', target, {}, [405, 501]);
    if (answer.status === 405)
      for (const method of methods) assert.ok(answer.headers.allow.includes(method), answer.headers.allow);
  }
});

test('unknown routes are JSON, in the dialect of the path', async () => {
  for (const [target, code] of [['/api/nothing', 'not_found'], ['/v1/nothing', 'not_found']]) {
    const answer = await request(hearth.base, 'GET', target, { socketPath: hearth.socket });
    assert.equal(answer.status, 404);
    assert.equal(answer.json().error.code, code);
  }
});

test('every list answers as the document says', async () => {
  for (const route of document.ours()) {
    if (route.method !== 'GET' || route.path.includes('{') || ['/api/events', '/api/logs/follow'].includes(route.path)) continue;
    if (['/api/models/search', '/api/hub/fit'].includes(route.path)) continue; // ask a hub
    await ask('GET', route.path, undefined, 200);
  }
});

test('the life of a server', async () => {
  await ask('POST', '/api/profiles', { name: 'life', ...engine('--load-ms', '300') }, 201);
  const begun = await ask('POST', '/api/servers/life/start', undefined, 202);
  assert.ok(['starting', 'loading', 'stopped'].includes(begun.data.state), begun.data.state);
  const ready = await until('it to be ready', async () => {
    const { data } = await ask('GET', '/api/servers/life/status', undefined, 200);
    return data.state === 'ready' ? data : null;
  });
  assert.ok(isAlive(ready.pid));
  assert.equal(ready.health, 'healthy');
  assert.ok(ready.port > 0 && ready.uptime_s >= 0);
  const again = await ask('POST', '/api/servers/life/start', undefined, 409);
  assert.match(again.error.message, new RegExp(`pid ${ready.pid}`));
  const health = await ask('GET', '/api/servers/life/health', undefined, 200);
  assert.equal(health.data.status, 'healthy');
  assert.equal(typeof health.data.response_time_ms, 'number');

  const edited = await ask('PUT', '/api/profiles/life', { env: { X: '1' } }, 200);
  assert.equal(edited.data.restart_required, true);
  const cosmetic = await ask('PUT', '/api/profiles/known', { description: 'x' }, 200);
  assert.equal(cosmetic.data.restart_required, false);
  const restarted = await ask('POST', '/api/servers/life/restart?wait=1', undefined, 200);
  assert.equal(restarted.data.state, 'ready');
  assert.notEqual(restarted.data.pid, ready.pid);
  assert.ok(!isAlive(ready.pid));
  const fresh = await ask('GET', '/api/profiles/life', undefined, 200);
  assert.equal(fresh.data.restart_required, false);

  const stopped = await ask('POST', '/api/servers/life/stop?wait=1', undefined, 200);
  assert.equal(stopped.data.state, 'stopped');
  assert.equal(stopped.data.stop, 'graceful');
  assert.ok(!isAlive(restarted.data.pid));
  const nothing = await request(hearth.base, 'POST', '/api/servers/life/stop', { socketPath: hearth.socket });
  assert.ok([404, 409].includes(nothing.status), nothing.text);
  await ask('DELETE', '/api/profiles/life', undefined, 204);
});

test('a start that fails tells why', async () => {
  await ask('POST', '/api/profiles', { name: 'broken', ...engine('--exit-at-start', '3') }, 201);
  const failed = await ask('POST', '/api/servers/broken/start?wait=1', undefined, 409);
  assert.equal(failed.error.state, 'failed');
  assert.equal(failed.error.exit_code, 3);
  assert.ok(Array.isArray(failed.error.log_tail));
  const { data } = await ask('GET', '/api/servers/broken/status', undefined, 200);
  assert.equal(data.failed, true);
  assert.equal(data.exit_code, 3);
  await ask('DELETE', '/api/profiles/broken', undefined, 204);
});

test('deleting a running profile stops it first and removes its log', async () => {
  for (const wait of [false, true]) {
    await ask('POST', '/api/profiles', { name: 'brief', ...engine() }, 201);
    const { data } = await ask('POST', '/api/servers/brief/start?wait=1', undefined, 200);
    const logs = () => fs.readdirSync(hearth.data, { withFileTypes: true })
      .flatMap((entry) => (entry.isDirectory() ? fs.readdirSync(`${hearth.data}/${entry.name}`)
        : [entry.name]))
      .filter((name) => name.includes(data.profile_id));
    await until('it to have files of its own', () => logs().length > 0);
    if (wait) {
      await ask('DELETE', '/api/profiles/brief?wait=1', undefined, 204);
      assert.ok(!isAlive(data.pid));
    } else {
      const gone = await ask('DELETE', '/api/profiles/brief', undefined, 202);
      assert.equal(gone.data.state, 'stopping');
      assert.equal(gone.data.pid, data.pid);
    }
    await until('it to be gone', () => !isAlive(data.pid) && logs().length === 0);
    await ask('GET', '/api/profiles/brief', undefined, 404);
  }
});

// A live view: collects until `done(text)` or the end.
function view(target, done, headers = {}) {
  return new Promise((resolve, reject) => {
    const req = http.request({ socketPath: hearth.socket, path: target, agent: false,
                               headers: { Host: '127.0.0.1', ...headers } }, (res) => {
      let text = '';
      res.on('data', (piece) => {
        text += piece;
        if (done(text)) { resolve({ text, status: res.statusCode }); req.destroy(); }
      });
      res.on('end', () => resolve({ text, status: res.statusCode }));
      res.on('error', () => {});
    });
    req.on('error', reject);
    req.end();
  });
}
const lines = (text) => [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1]));

test('the log of a server: own position, resumption, a last event', async () => {
  await ask('POST', '/api/profiles', { name: 'talker', engine: 'command', restart_policy: 'never',
    command: ['/bin/sh', '-c', `for i in 1 2 3 4 5 6 7 8 9; do echo "line $i"; done; exec ${FAKE} --port $0`, '${port}'] }, 201);
  await ask('POST', '/api/servers/talker/start?wait=1', undefined, 200);
  const all = await view('/api/servers/talker/logs?follow=0&lines=1000', () => false);
  const said = lines(all.text).filter((row) => row.line).map((row) => row.line);
  for (let i = 1; i <= 9; i++) assert.ok(said.includes(`line ${i}`), all.text);
  assert.equal(lines(all.text).at(-1).status, 'running');
  const some = await view('/api/servers/talker/logs?follow=0&lines=2', () => false);
  assert.deepEqual(lines(some.text).filter((row) => row.line).map((row) => row.line), said.slice(-2));
  const ids = [...all.text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]));
  assert.deepEqual(ids, ids.map((_, i) => ids[0] + i), 'numbers rise by one');
  const rest = await view('/api/servers/talker/logs?follow=0', () => false, { 'Last-Event-ID': String(ids[3]) });
  assert.equal(Number(/^id: (\d+)$/m.exec(rest.text)[1]), ids[4]);

  const readers = [1, 2].map(() => view('/api/servers/talker/logs?lines=1000', () => false));
  await ask('POST', '/api/servers/talker/stop?wait=1', undefined, 200);
  const [first, second] = await Promise.all(readers);
  assert.equal(first.text, second.text, 'both readers get every line');
  const last = lines(first.text).at(-1);
  assert.equal(last.status, 'stopped');
  await ask('DELETE', '/api/profiles/talker', undefined, 204);
});

test('events: a snapshot, then what happens', async () => {
  const watched = view('/api/events', (text) => /"to":"ready"/.test(text) && /"to":"stopped"/.test(text));
  await ask('POST', '/api/servers/known/start?wait=1', undefined, 200);
  await ask('POST', '/api/servers/known/stop?wait=1', undefined, 200);
  const { text } = await watched;
  assert.match(text, /^event: snapshot$/m);
  const states = [...text.matchAll(/"from":"(\w+)","to":"(\w+)"/g)].map((match) => match[2]);
  assert.ok(states.includes('starting') && states.includes('ready') && states.includes('stopped'), states.join());
});

test('the log of Hearth is paged', async () => {
  const { data } = await ask('GET', '/api/logs?limit=2', undefined, 200);
  assert.equal(data.entries.length, 2);
  assert.ok(data.entries[0].id > data.entries[1].id);
  const next = await ask('GET', `/api/logs?limit=2&before_id=${data.next_before_id}`, undefined, 200);
  assert.ok(next.data.entries.every((entry) => entry.id < data.entries[1].id));
  const info = await ask('GET', '/api/logs?level=warn', undefined, 200);
  assert.ok(info.data.entries.every((entry) => ['warn', 'error'].includes(entry.level)));
});

test('engines: what is known and what is installed', async () => {
  const { data } = await ask('GET', '/api/system/engines', undefined, 200);
  assert.ok(data.length >= 8);
  const llama = data.find((row) => row.name === 'llama-server');
  if (process.env.HEARTH_LLAMA_SERVER) {
    assert.equal(path.basename(llama.binary.path), 'llama-server');
    assert.ok(llama.binary.version, JSON.stringify(llama.binary));
  }
});

test('the page: its policy lets its own scripts run, nothing else', async () => {
  const answer = await hearth.request('GET', '/', { headers: { Accept: 'text/html' } });
  assert.equal(answer.status, 200);
  const policy = answer.headers['content-security-policy'];
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval|\*|https?:/);
  for (const [, text] of answer.text.matchAll(/<script>([^]*?)<\/script>/g)) {
    const digest = createHash('sha256').update(text).digest('base64');
    assert.ok(policy.includes(`'sha256-${digest}'`), `${text}: ${policy}`);
  }
  if (process.env.HEARTH_HAS_WEB === '0') {
    assert.match(answer.text, /no dashboard/);
    return;
  }
  assert.ok(answer.text.includes('data-base=""'));
  const files = [...answer.text.matchAll(/(?:href|src)="(\/[^"]+)"/g)].map(([, file]) => file);
  assert.ok(files.length > 3, answer.text);
  for (const file of files) assert.equal((await hearth.request('GET', file)).status, 200, file);
});

test('a one-time link: looking at the page does not use it up', async () => {
  const { data } = await ask('POST', '/api/session/link', undefined, 201);
  const link = new URL(data.url);
  assert.equal(link.port, String(hearth.port));
  assert.equal((await hearth.request('GET', `${link.pathname}${link.search}`)).status, 200);
  const body = { link: link.searchParams.get('link') };
  assert.equal((await hearth.request('POST', '/api/session', { body })).status, 200);
  assert.equal((await hearth.request('POST', '/api/session', { body })).status, 401);
});

test('a request without a body may declare that', async () => {
  const answer = await request(hearth.base, 'POST', '/api/models/scan',
    { socketPath: hearth.socket, headers: { 'Content-Length': '0' } });
  assert.equal(answer.status, 200, answer.text);
});

test('/models: a page for who navigates, a list for the rest, both say so', async () => {
  for (const [headers, type] of [
    [{ Accept: 'text/html' }, 'text/html'], [{ 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'none' }, 'text/html'],
    [{ Accept: 'application/json' }, 'application/json'], [{}, 'application/json'],
  ]) {
    const answer = await hearth.request('GET', '/models', { headers });
    assert.equal(answer.status, 200);
    assert.ok(answer.headers['content-type'].startsWith(type), answer.headers['content-type']);
    assert.match(answer.headers.vary, /Accept.*Sec-Fetch-Mode/);
  }
});

// Sends the request and hangs up before the answer.
const hangUp = (method, target) => new Promise((resolve) => {
  const req = http.request({ socketPath: hearth.socket, method, path: target, agent: false, headers: { Host: '127.0.0.1' } });
  req.on('response', (res) => res.on('error', () => {}).resume());
  req.on('error', () => {});
  req.on('close', resolve);
  req.end();
  setTimeout(() => req.destroy(), 150);
});

test('a client that waits and leaves: the change goes on without it', async () => {
  await ask('POST', '/api/profiles', { name: 'slow', ...engine('--load-ms', '1000') }, 201);
  await hangUp('POST', '/api/servers/slow/start?wait=1');
  const ready = await hearth.untilState('slow', 'ready');
  await hangUp('POST', '/api/servers/slow/restart?wait=1');
  await until('the new process', async () => {
    const row = await hearth.server('slow');
    return row.state === 'ready' && row.pid !== ready.pid;
  });
  await Promise.all([1, 2, 3].map(() => hangUp('GET', '/api/servers/slow/logs')));
  await Promise.all([1, 2, 3].map(() => hangUp('GET', '/api/events')));
  await hangUp('DELETE', '/api/profiles/slow?wait=1');
  await until('it to be gone', async () => !(await hearth.server('slow')));
});

test('a queued start ends when its profile is deleted', async () => {
  await ask('POST', '/api/profiles', { name: 'doomed', ...engine('--load-ms', '60000') }, 201);
  const waiting = request(hearth.base, 'POST', '/api/servers/doomed/start?wait=1', { socketPath: hearth.socket });
  await hearth.untilState('doomed', 'loading', 'starting');
  await ask('DELETE', '/api/profiles/doomed', undefined, 202);
  const answer = await waiting;
  assert.equal(answer.status, 409, answer.text);
});
