// Who may do what, through the real daemon: every route, taken from the
// OpenAPI document, and the paths of the gateway, for every kind of caller.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import { after, before, test } from 'node:test';
import { HEARTH, Hearth, request } from '../lib/hearth.mjs';
import { Document, fill } from './document.mjs';

const NEEDS = ['none', 'read', 'inference', 'models', 'control', 'execute'];
// By need, in that order: 0 is let in.
const VERDICTS = {
  'unix socket':        [0, 0, 0, 0, 0, 0],
  'admin key':          [0, 0, 0, 0, 0, 0],
  'inference key':      [0, 403, 0, 0, 403, 403],
  'read key':           [0, 0, 403, 0, 403, 403],
  session:              [0, 0, 0, 0, 0, 0],
  'wrong key':          [401, 401, 401, 401, 401, 401],
  'revoked key':        [401, 401, 401, 401, 401, 401],
  'none on loopback':   [0, 0, 0, 0, 0, 403],
  'none beyond':        [0, 401, 401, 401, 401, 401],
  'foreign Host':       [403, 403, 403, 403, 403, 403],
  'foreign Origin':     [403, 403, 403, 403, 403, 403],
  'admin key beyond':   [0, 0, 0, 0, 0, 0],
};
const BEYOND = { 'X-Forwarded-For': '203.0.113.9' };

let hearth, document, callers;

const key = async (scope) =>
  (await hearth.api('POST', '/api/keys', { name: scope, scope })).data;
const bearer = (secret) => ({ Authorization: `Bearer ${secret}` });

before(async () => {
  hearth = await Hearth.start({ config: 'trusted_proxies: [127.0.0.1]\n' });
  document = await Document.read(hearth);
  const admin = await key('admin');
  const revoked = await key('admin');
  assert.equal((await hearth.api('DELETE', `/api/keys/${revoked.id}`)).status, 204);
  const session = await hearth.request('POST', '/api/session', { body: { key: admin.secret } });
  assert.equal(session.status, 200, session.text);
  const cookie = session.headers['set-cookie'][0].split(';')[0];
  callers = {
    'unix socket': { socketPath: hearth.socket },
    'admin key': { headers: bearer(admin.secret) },
    'inference key': { headers: bearer((await key('inference')).secret) },
    'read key': { headers: bearer((await key('read')).secret) },
    session: { headers: { Cookie: cookie } },
    'wrong key': { headers: bearer(`hk_${'x'.repeat(43)}`) },
    'revoked key': { headers: bearer(revoked.secret) },
    'none on loopback': {},
    'none beyond': { headers: BEYOND },
    'foreign Host': { headers: { Host: 'evil.example' } },
    'foreign Origin': { headers: { Origin: 'http://evil.example' } },
    'admin key beyond': { headers: { ...BEYOND, ...bearer(admin.secret) } },
  };
});
after(() => hearth?.stop());

async function judge(name, method, target, needs, body) {
  const answer = await hearth.request(method, target, { ...callers[name], body });
  const verdict = VERDICTS[name][NEEDS.indexOf(needs)];
  const what = `${method} ${target} as ${name}: ${answer.status} ${answer.text.slice(0, 200)}`;
  if (verdict === 0) assert.ok(![401, 403].includes(answer.status), what);
  else assert.equal(answer.status, verdict, what);
  assert.ok(!answer.text.includes('hk_'), `a secret in ${what}`);
}

test('every route of the control plane', async () => {
  const routes = document.ours();
  assert.ok(routes.length > 30);
  for (const route of routes) {
    const needs = route.operation['x-authority'];
    assert.ok(NEEDS.includes(needs), `${route.method} ${route.path}`);
    // An unknown query parameter: who is let in changes nothing.
    for (const name of Object.keys(VERDICTS))
      await judge(name, route.method, `${fill(route, 'nobody')}?nonsense=1`, needs);
  }
});

test('every path of the gateway', async () => {
  const routes = document.inference();
  assert.ok(routes.length >= 40, `${routes.length}`);
  for (const { method, path, operation } of routes) {
    const needs = operation['x-authority'];
    assert.ok(['inference', 'models', 'control'].includes(needs), `${method} ${path}: ${needs}`);
    for (const name of Object.keys(VERDICTS))
      await judge(name, method, fill({ path }, 'nobody'), needs, method === 'POST' ? { model: 'nobody' } : undefined);
  }
});

test('a key works as x-api-key, too', async () => {
  const { secret } = await key('inference');
  const answer = await hearth.request('GET', '/v1/models', { headers: { ...BEYOND, 'x-api-key': secret } });
  assert.equal(answer.status, 200, answer.text);
});

test('beyond loopback: no start without a key, no answer without one', async (t) => {
  const outside = Object.values(os.networkInterfaces()).flat()
    .find((address) => address.family === 'IPv4' && !address.internal);
  const open = await Hearth.start({});
  try {
    const { data: admin } = await open.api('POST', '/api/keys', { name: 'first' });
    await open.api('DELETE', `/api/keys/${admin.id}`);
    await open.stop({ keep: true });
    const refused = spawnSync(HEARTH, ['serve', '--host', '0.0.0.0', '--port', '0', '--data-dir', open.data],
      { encoding: 'utf8', timeout: 20000 });
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr, /key/);
    await open.spawn();
    const { data: good } = await open.api('POST', '/api/keys', { name: 'second' });
    await open.stop({ keep: true });
    open.options.args = ['--host', '0.0.0.0'];
    await open.spawn();
    const local = await open.request('GET', '/api/profiles');
    assert.equal(local.status, 401, 'every surface needs a key then');
    if (!outside) {
      t.diagnostic('this machine has no address beyond loopback');
      return;
    }
    const base = `http://${outside.address}:${open.port}`;
    for (const path of ['/api/profiles', '/v1/models', '/metrics', '/api/events']) {
      assert.equal((await request(base, 'GET', path)).status, 401, path);
    }
    assert.equal((await request(base, 'GET', '/api/profiles', { headers: bearer(good.secret) })).status, 200);
    assert.equal((await request(base, 'GET', '/health')).status, 200);
  } finally {
    await open.stop();
  }
});
