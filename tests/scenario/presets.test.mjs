// Presets: files that come out as they went in, checked line by line, over
// REST, over Socket.IO and in the folder itself.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import { Hearth, until } from './lib/hearth.mjs';

let hearth;
before(async () => { hearth = await Hearth.start({ models: { 'tiny-a': { say: 'alpha one' } } }); });
after(async () => { await hearth?.stop(); });

const file = (name) => path.join(hearth.data, 'presets', `${name}.ini`);
const TEXT = 'LLAMA_CONFIG_VERSION = 1\r\n\r\n; for all of them\r\n[*]\r\nctx-size=4096   ; tokens\r\n'
  + '\ttop-p =\t0.9\r\n\r\n# the small one\r\n[tiny-a] ; by name\r\ntemp = 0.2\r\nno-warmup = true';

async function ask(method, target, body, status) {
  const answer = await hearth.api(method, target, body);
  assert.equal(answer.status, status, `${method} ${target}: ${JSON.stringify(answer).slice(0, 600)}`);
  return answer.data ?? answer.error;
}

test('a preset comes out byte for byte', async () => {
  const made = await ask('POST', '/api/presets', { name: 'mine.ini', text: TEXT }, 201);
  assert.equal(made.name, 'mine');
  assert.equal(made.text, TEXT);
  assert.deepEqual(made.models, ['tiny-a']);
  assert.deepEqual(made.parameters, { '*': { 'ctx-size': '4096', 'top-p': '0.9' },
                                      'tiny-a': { temp: '0.2', 'no-warmup': 'true' } });
  assert.equal(fs.readFileSync(file('mine'), 'utf8'), TEXT);
  assert.equal(fs.statSync(file('mine')).mode & 0o777, 0o600);
  const download = await hearth.request('GET', '/api/presets/mine/file', { socketPath: hearth.socket });
  assert.equal(download.text, TEXT);
  assert.match(download.headers['content-type'], /^text\/plain/);
  assert.equal(download.headers['content-disposition'], 'attachment; filename="mine.ini"');
  await ask('POST', '/api/presets', { name: 'mine', text: TEXT }, 409);
  // A restart finds it.
  await hearth.stop({ keep: true });
  await hearth.spawn();
  assert.equal((await ask('GET', '/api/presets/mine', undefined, 200)).text, TEXT);
});

test('a change leaves what it is not about', async () => {
  const changed = await ask('PUT', '/api/presets/mine/sections/*', { options: { ctx_size: 512, 'top-p': null, seed: -1 } }, 200);
  assert.equal(changed.text, TEXT.replace('4096', '512').replace('\ttop-p =\t0.9\r\n', '')
    .replace('; tokens\r\n', '; tokens\r\nseed = -1\r\n'));
  const other = await ask('PUT', '/api/presets/mine/sections/org/new?create=1', { options: { warmup: false, flash_attn: 'on' } }, 200);
  assert.ok(other.text.endsWith('no-warmup = true\r\n\r\n[org/new]\r\nwarmup = false\r\nflash-attn = on\r\n'), other.text);
  await ask('PUT', '/api/presets/mine/sections/org/new?create=1', { options: {} }, 409);
  // The other name of an option is that option.
  const same = await ask('PUT', '/api/presets/mine/sections/tiny-a', { options: { warmup: true } }, 200);
  assert.deepEqual(same.parameters['tiny-a'], { temp: '0.2', warmup: 'true' });
  const less = await ask('DELETE', '/api/presets/mine/sections/org/new', undefined, 200);
  assert.ok(!less.text.includes('org/new'));
  await ask('DELETE', '/api/presets/mine/sections/org/new', undefined, 404);
  const whole = await ask('PUT', '/api/presets/mine', { sections: { '*': { 'ctx-size': 512 }, extra: { temp: 1 } } }, 200);
  assert.deepEqual(whole.parameters, { '*': { 'ctx-size': '512' }, extra: { temp: '1' } });
  assert.ok(whole.text.includes('; for all of them\r\n'), whole.text);
});

test('what is wrong is told by line, and changes nothing', async () => {
  const before = fs.readFileSync(file('mine'), 'utf8');
  const bad = 'LLAMA_CONFIG_VERSION = 1\n[*]\nctx-siz = 5\nctx-size = many\n[x\nmodel = /etc/passwd\nwarmup = perhaps\n[*]\n';
  const checked = await ask('POST', '/api/presets/check', { text: bad }, 200);
  assert.equal(checked.is_valid, false);
  assert.equal(checked.line_count, 8);
  const by = Object.fromEntries(checked.problems.map((row) => [row.line, row]));
  assert.deepEqual(Object.keys(by), ['3', '4', '5', '6', '7', '8']);
  assert.match(by[3].message, /may set; is it ctx-size\?/);
  assert.equal(by[3].key, 'ctx-siz');
  assert.match(by[4].message, /whole number from 0 to/);
  assert.match(by[5].message, /\]/);
  assert.match(by[6].message, /model folders/);
  assert.match(by[7].message, /true or false/);
  assert.match(by[8].message, /twice/);
  const refused = await ask('PUT', '/api/presets/mine', { text: bad }, 422);
  assert.ok(refused.details.some(({ field }) => field === 'line 3'), JSON.stringify(refused));
  const unknown = await ask('PUT', '/api/presets/mine/sections/*', { options: { tempp: 1 } }, 422);
  assert.equal(unknown.details[0].field, 'tempp');
  assert.match(unknown.details[0].message, /is it temp\?/);
  const value = await ask('PUT', '/api/presets/mine/sections/*', { options: { temp: 'x;y' } }, 422);
  assert.match(value.message, /; or #/);
  await ask('POST', '/api/presets', { name: '../evil', text: '' }, 422);
  await ask('POST', '/api/presets', { name: 'a/b', text: '' }, 422);
  await ask('POST', '/api/presets', { name: 'long', text: 'x'.repeat(65537) }, 422);
  await ask('DELETE', '/api/presets/default', undefined, 409);
  await ask('DELETE', '/api/presets/absent', undefined, 404);
  assert.equal(fs.readFileSync(file('mine'), 'utf8'), before);
  assert.deepEqual(fs.readdirSync(path.join(hearth.data, 'presets')).sort(), ['default.ini', 'mine.ini']);
});

test('what llama.cpp takes in a preset is taken, each option with its own default', async () => {
  const rows = (await ask('GET', '/api/presets/options', undefined, 200)).filter((row) => row.default !== null);
  assert.ok(rows.length > 100, rows.length);
  const defaults = rows.map(({ key, default: value }) => `${key} = ${value}\n`).join('');
  // By other names, too, and what only a router of llama.cpp knows.
  const others = 'temperature = 0.5\npredict = 5\ndraft = 4\nthreads-draft = 2\nspec-draft-ngl = all\nno-escape = true\nno-mmproj = on\n';
  const fetched = '[org/far:Q4_K_M]\nhf-repo = org/far:Q4_K_M\nload-on-startup = false\nyarn-beta-fast = 32\n';
  for (const text of [`[*]\n${defaults}`, `[*]\n${others}`, fetched])
    assert.deepEqual((await ask('POST', '/api/presets/check', { text }, 200)).problems, [], text);
  const { problems } = await ask('POST', '/api/presets/check', { text: '[*]\nhost = ::\ntools = all\nport = 1\n' }, 200);
  assert.deepEqual(problems.map(({ message }) => message), ['Hearth says this to llama-server itself',
    'no option of llama-server that a preset may set', 'Hearth says this to llama-server itself']);
});

test('who edits a file is heard', async () => {
  fs.writeFileSync(file('byhand'), '[*]\nthreadz = 1\n');
  const seen = await until('the new file', async () => {
    const { data } = await hearth.api('GET', '/api/presets/byhand');
    return data;
  });
  assert.equal(seen.is_valid, false);
  assert.equal(seen.problems[0].line, 2);
  fs.writeFileSync(file('byhand'), '[*]\nthreads = 1\n');
  await until('its correction', async () => (await hearth.api('GET', '/api/presets/byhand')).data.is_valid);
  fs.writeFileSync(file('byhand'), '\ufeffLLAMA_CONFIG_VERSION = 1\n[*]\nthreads = 1\n');
  const marked = await until('the byte order mark', async () => (await hearth.api('GET', '/api/presets/byhand')).data.problems[0]);
  assert.deepEqual(marked, { line: 1, key: null, message: 'a byte order mark is no part of a preset: save it as plain UTF-8' });
  // What is not taken is told of, once.
  fs.writeFileSync(file('huge'), '; x\n'.repeat(20000));
  fs.writeFileSync(file('no name'), '[*]\n');
  const told = async () => (await hearth.api('GET', '/api/logs?source=presets&level=warn')).data.entries.map((row) => row.message).sort();
  await until('two warnings', async () => (await told()).length >= 2);
  fs.writeFileSync(file('byhand'), '[*]\nthreads = 2\n');
  await until('another change', async () => (await hearth.api('GET', '/api/presets/byhand')).data.is_valid);
  const warnings = await told();
  assert.equal(warnings.length, 2, JSON.stringify(warnings));
  assert.match(warnings[0], /^huge\.ini is left out: .*65536/);
  assert.match(warnings[1], /^no name\.ini is left out: expected a name of up to 64 letters/);
  fs.unlinkSync(file('huge'));
  fs.unlinkSync(file('no name'));
  fs.unlinkSync(file('byhand'));
  await until('its end', async () => (await hearth.api('GET', '/api/presets/byhand')).status === 404);
});

test('changes at once are all there', async () => {
  await ask('POST', '/api/presets', { name: 'busy', template: 'minimal-ram', description: 'two\nlines' }, 201);
  const keys = ['top-k', 'seed', 'threads', 'keep', 'n-predict', 'repeat-last-n', 'parallel', 'batch-size'];
  await Promise.all(keys.map((key, i) => ask('PUT', '/api/presets/busy/sections/*', { options: { [key]: i + 1 } }, 200)));
  const { parameters, text } = await ask('GET', '/api/presets/busy', undefined, 200);
  keys.forEach((key, i) => assert.equal(parameters['*'][key], String(i + 1)));
  assert.ok(text.startsWith('LLAMA_CONFIG_VERSION = 1\n; two\n; lines\n'));
  await ask('DELETE', '/api/presets/busy', undefined, 204);
});

test('the same over Socket.IO', async () => {
  const { data } = await hearth.api('POST', '/api/keys', { name: 'live' });
  const socket = io(hearth.base, { path: '/llamaproxws', transports: ['websocket'], auth: { key: data.key ?? data.secret }, forceNew: true });
  const told = [];
  socket.on('presets:updated', (message) => told.push(message));
  await new Promise((resolve, reject) => { socket.on('connect', resolve); socket.on('connect_error', reject); });
  const call = (event, payload = {}) => new Promise((resolve) => {
    socket.once(`${event}:result`, resolve);
    socket.emit(event, { ...payload, requestId: `req_${event}` });
  });
  const good = async (event, payload) => {
    const answer = await call(event, payload);
    assert.equal(answer.success, true, `${event}: ${JSON.stringify(answer)}`);
    assert.equal(answer.type, 'response');
    assert.equal(answer.requestId, `req_${event}`);
    return answer.data;
  };
  try {
    await good('presets:create', { filename: 'live', description: 'made live' });
    const { presets } = await good('presets:list');
    const row = presets.find(({ name }) => name === 'live');
    assert.deepEqual([row.path, row.file], ['live.ini', file('live')]);
    assert.match(row.raw, /; made live/);
    await good('presets:add-model', { filename: 'live', modelName: 'tiny-a', config: { ctxSize: 256, temp: 0.5 } });
    const twice = await call('presets:add-model', { filename: 'live', modelName: 'tiny-a', config: {} });
    assert.equal(twice.error.code, 'conflict');
    await good('presets:update-model', { filename: 'live.ini', modelName: 'tiny-a', config: { temp: null, 'top-k': 5 } });
    assert.deepEqual((await good('presets:get-models', { filename: 'live' })).models, { 'tiny-a': { 'ctx-size': '256', 'top-k': '5' } });
    assert.deepEqual((await good('presets:update-defaults', { filename: 'live', config: { threads: 2 } })).defaults, { threads: '2' });
    assert.deepEqual((await good('presets:get-defaults', { filename: 'live' })).defaults, { threads: '2' });
    assert.match((await good('presets:read', { filename: 'live' })).preset.raw, /ctx-size = 256/);
    await good('presets:save', { filename: 'live', config: { LLAMA_CONFIG_VERSION: '1', '*': { threads: 1 }, 'tiny-a': { temp: 1 } } });
    await good('presets:save-raw', { filename: 'live', content: TEXT });
    assert.equal((await good('presets:read', { filename: 'live' })).preset.raw, TEXT);
    assert.equal((await good('presets:validate', { content: TEXT })).valid, true);
    const invalid = await good('presets:validate', { content: 'x\n' });
    assert.deepEqual([invalid.valid, invalid.lineCount, invalid.errors[0].line], [false, 1, 1]);
    // What says nothing that can be saved is refused; it saves no empty preset.
    const nothing = ['x', 5, true].flatMap((config) => [['presets:save', config], ['presets:update-defaults', config]])
      .concat([undefined, null, [], { '*': null }, { '*': 5 }, { version: 1 }, { 'tiny-a': [] }].map((config) => ['presets:save', config]));
    for (const [event, config] of nothing) {
      const refused = await call(event, { filename: 'live', config });
      assert.equal(refused.error?.code, 'invalid', `${event} ${JSON.stringify(config)}: ${JSON.stringify(refused)}`);
    }
    assert.equal((await good('presets:read', { filename: 'live' })).preset.raw, TEXT);
    await good('presets:remove-model', { filename: 'live', modelName: 'tiny-a' });
    assert.equal((await good('presets:get-default-params')).defaults['top-k'], '40');
    assert.deepEqual(await good('presets:delete', { filename: 'live' }), { filename: 'live', deleted: true });
    assert.equal((await call('presets:read', { filename: 'live' })).error.code, 'not_found');
    assert.equal((await call('presets:read', {})).error.code, 'invalid');
    await until('the broadcasts', () => told.length >= 8);
    assert.ok(told.every(({ type, event, data: { presets: all } }) => type === 'broadcast' && event === 'presets:updated' && Array.isArray(all)));
    assert.ok(!told.at(-1).data.presets.some(({ name }) => name === 'live'));
  } finally {
    socket.close();
  }
});
