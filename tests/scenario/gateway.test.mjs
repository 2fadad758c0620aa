// What clients rely on and gateways usually break, with the test at both
// ends: a raw client before the real daemon, a stage (lib/stage.mjs) behind.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { EVENTS, LAST, Raw, Stage, WIRE, answers, chunk, json } from './lib/stage.mjs';
import { Hearth, sleep, until } from './lib/hearth.mjs';

const ORIGIN = 'https://app.example';
const KEY = 'sk-of-the-client-0123456789';
const picky = {
  name: 'picky', title: 'An engine that wants its own name', binaries: ['wire'], install_hint: 'none',
  version_args: [], help_args: [], argv: ['--port', '${port}'], ready_path: '/health',
  serves: ['/*'], model_field: 'rewrite', model_name: 'name/of "its" own', needs_model: false,
  model_ids: true, value_form: 'separate', slots: { default: 64 },
  stop: [{ signal: 'TERM', wait_ms: 2000 }, { signal: 'KILL', wait_ms: 2000 }], options: [], errors: [],
};
let hearth, stage;

before(async () => {
  stage = await Stage.open();
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-test-'));
  const folder = path.join(dir, 'engines.d');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'picky.json'), JSON.stringify(picky));
  const wire = (name, fields = {}) => JSON.stringify({ name, engine: 'command', pinned: true,
    command: [WIRE, '--port', '${port}'], env: { STAGE_PORT: String(stage.port) }, ...fields });
  hearth = await Hearth.start({ dir, models: { red: { say: 'apple brick cherry', name: 'red' } }, config: [
    'models_max: 0', `cors_origins: ["${ORIGIN}"]`, 'max_body_bytes: 20971520', 'health_interval_ms: 60000',
    'engines:', `  picky: { path: ${JSON.stringify(WIRE)} }`, 'profiles:',
    `  - ${wire('wire', { aliases: ['org/deep/model:q4', 'café "x"'] })}`,
    `  - ${JSON.stringify({ name: 'picky', engine: 'picky', model_path: '$MODELS/red.gguf', pinned: true,
      env: { STAGE_PORT: String(stage.port) }, aliases: ['gpt'] })}`,
  ].join('\n') });
  for (const model of ['wire', 'picky']) {
    const answer = await hearth.chat(model);
    assert.equal(answer.status, 200, answer.text);
  }
});
after(async () => {
  await hearth?.stop();
  stage?.close();
});

// ---- the client's side ----

const host = () => `Host: 127.0.0.1:${hearth.port}\r\n`;
const ask = (model = 'wire', more = {}) => JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }], ...more });
// The text of a request; `body` is latin1 or bytes.
function post(part, body = ask(), { fields = '', target = '/v1/chat/completions', type = 'application/json' } = {}) {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
  return Buffer.concat([Buffer.from(`POST ${target} HTTP/1.1\r\n${host()}Content-Type: ${type}\r\n` +
    `Content-Length: ${bytes.length}\r\n${part ? `X-Part: ${part}\r\n` : ''}${fields}\r\n`), bytes]);
}
// Sends it, resolves to the one whole answer.
async function talk(...pieces) {
  const raw = new Raw(hearth.port);
  for (const piece of pieces) {
    raw.socket.write(piece, 'latin1');
    if (pieces.length > 1) await sleep(1);
  }
  const answer = await until('an answer', () => {
    const { list } = answers(raw.bytes);
    return list.find((one) => one.status >= 200) ?? (raw.isClosed ? { status: 0, head: raw.text, body: Buffer.alloc(0) } : null);
  });
  raw.socket.destroy();
  return answer;
}
const field = (answer, name) => new RegExp(`\\r\\n${name}: *([^\\r]*)`, 'i').exec(answer.head)?.[1];
const got = async (part) => until(`the request of ${part}`, () => stage.of(part).at(-1));
const nextWorks = async () => {
  const answer = await talk(post('next'));
  assert.equal(answer.status, 200, answer.head);
};

describe('a client that leaves', () => {
  const begin = async (part, play) => {
    stage.parts[part] = play;
    const raw = new Raw(hearth.port).send(post(part, ask('wire', { stream: true })));
    const request = await got(part);
    return { raw, request };
  };
  const trickle = (request, socket) => {
    socket.write(EVENTS);
    const timer = setInterval(() => {
      if (request.isGone) clearInterval(timer);
      else socket.write(chunk('data: {}\n\n'));
    }, 10);
  };
  const ways = {
    'closes': (socket) => socket.destroy(),
    'resets': (socket) => socket.resetAndDestroy(),
    'half closes': (socket) => socket.end(),
  };
  for (const [how, leave] of Object.entries(ways)) {
    test(`${how} in the middle of a stream`, async () => {
      const { raw, request } = await begin(`stream-${how.replace(' ', '-')}`, trickle);
      await until('events', () => raw.text.includes('data:'));
      const left = Date.now();
      leave(raw.socket);
      await until('the engine to be left', () => request.isGone, 2000);
      assert.ok(Date.now() - left < 1000);
      await nextWorks();
    });
    test(`${how} before the first byte of a stream`, async () => {
      const { raw, request } = await begin(`early-${how.replace(' ', '-')}`, () => {});
      leave(raw.socket);
      await until('the engine to be left', () => request.isGone, 2000);
      await nextWorks();
    });
  }
  test('leaves while its body is on its way', async () => {
    const whole = post('halfway', ask('wire', { pad: 'x'.repeat(3000) }));
    const raw = new Raw(hearth.port).send(whole.subarray(0, whole.length - 1000));
    await sleep(50);
    raw.socket.destroy();
    await nextWorks();
    assert.equal(stage.of('halfway').length, 0, 'no whole request came of half a one');
  });
});

describe('an event stream', () => {
  test('passes event by event, in the turn it came in', async () => {
    let more;
    stage.parts.stepwise = (_, socket) => {
      socket.write(EVENTS);
      more = (text) => socket.write(text);
    };
    const raw = new Raw(hearth.port).send(post('stepwise', ask('wire', { stream: true }), { fields: 'Accept-Encoding: gzip, br\r\n' }));
    await got('stepwise');
    await until('the head, before any event', () => raw.text.includes('\r\n\r\n'));
    const head = raw.text;
    assert.match(head, /^HTTP\/1\.1 200 /);
    assert.doesNotMatch(head, /content-encoding|content-length/i);
    assert.match(head, /\r\nCache-Control: no-cache\r\n/i);
    assert.match(head, /\r\nTransfer-Encoding: chunked\r\n/i);
    for (let i = 0; i < 20; i++) {
      const sent = process.hrtime.bigint();
      more(chunk(`data: ${i}\n\n`));
      while (!raw.text.includes(`data: ${i}\n\n`)) {
        await new Promise(setImmediate);
        assert.ok(process.hrtime.bigint() - sent < 1_000_000_000n, `event ${i} was held back`);
      }
    }
    more(LAST);
    await until('the end', () => raw.text.endsWith(LAST));
    assert.doesNotMatch((await got('stepwise')).head, /accept-encoding/i);
  });

  test('keeps comments, CRLF, names, big events and UTF-8, cut anywhere', async () => {
    const big = 'z'.repeat(1024 * 1024);
    const text = Buffer.from(`: ping\n\nevent: message_start\r\ndata: {"t":"žluťoučký 🐎 kůň"}\r\n\r\n:\n\nid: 7\nretry: 10\ndata: a\ndata: b\n\n` +
      `data: {"choices":[],"usage":{"total_tokens":9}}\n\n`);
    stage.parts.cut = async (_, socket) => {
      socket.write(EVENTS);
      for (const byte of text) socket.write(chunk([byte]));
      socket.write(chunk(`data: ${big}\n\n`));
      socket.write(chunk('data: [DONE]\n\n'));
      socket.write(LAST);
    };
    const { body } = await talk(post('cut', ask('wire', { stream: true })));
    const want = Buffer.concat([text, Buffer.from(`data: ${big}\n\ndata: [DONE]\n\n`)]);
    assert.ok(body.equals(want), `${body.length} bytes of ${want.length}: ${body.toString().slice(0, 400)}`);
    assert.equal(body.toString().match(/\[DONE\]/g).length, 1);
  });

  test('has no [DONE] and no usage that the engine did not send', async () => {
    stage.parts.bare = (_, socket) => socket.write(Buffer.concat([Buffer.from(EVENTS), chunk('data: {"a":1}\n\n'), Buffer.from(LAST)]));
    const { body } = await talk(post('bare', ask('wire', { stream: true, stream_options: { include_usage: true } })));
    assert.equal(body.toString(), 'data: {"a":1}\n\n');
  });

  test('that breaks off is not ended cleanly', async () => {
    for (const [part, end] of Object.entries({ fin: (s) => s.end(), rst: (s) => s.resetAndDestroy(), junk: (s) => s.write('zz\r\n') })) {
      stage.parts[`broken-${part}`] = (_, socket) => {
        socket.write(EVENTS);
        socket.write(chunk('data: 1\n\n'));
        setTimeout(() => end(socket), 30);
      };
      const raw = new Raw(hearth.port).send(post(`broken-${part}`, ask('wire', { stream: true })));
      const text = await raw.closed;
      assert.match(text, /data: 1\n\n/);
      assert.ok(!text.endsWith(LAST), part);
    }
    await nextWorks();
  });
});

describe('the body on its way to the engine', () => {
  const odd = '{ "model" : "wire",\t"big":123456789012345678901234567890,"e":1E+400,"z":-0.0,\n "x_unknown":{"model":"inner","a":[1,2,{}]},' +
    '"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"tool_choice":"auto",' +
    '"response_format":{"type":"json_schema"},"logit_bias":{"50256":-100},"dup":1,"dup":2,"messages":[{"content":"\\u00e9\\ud83d\\ude00é \\/"}] }  \n';
  test('is the same, byte for byte', async () => {
    assert.equal((await talk(post('odd', odd))).status, 200);
    assert.equal((await got('odd')).body.toString(), odd);
  });
  test('changes in the value of `model` alone', async () => {
    const name = JSON.stringify(picky.model_name);
    for (const [i, value] of ['"gpt"', '"picky"', '"\\u0067pt"', '"g\\u0070t"'].entries()) {
      const body = odd.replace('"wire"', value);
      assert.equal((await talk(post(`rewrite${i}`, body))).status, 200);
      const request = await got(`rewrite${i}`);
      assert.equal(request.body.toString(), odd.replace('"wire"', name));
      assert.match(request.head, new RegExp(`\\r\\nContent-Length: ${request.body.length}\\r\\n`, 'i'));
    }
    const escaped = odd.replace('"model" : "wire"', '"mod\\u0065l" : "gpt"');
    assert.equal((await talk(post('rewrite-key', escaped))).status, 200);
    assert.equal((await got('rewrite-key')).body.toString(), escaped.replace('"gpt"', name));
  });
  test('changes in `model` also when ?model= names the engine', async () => {
    const name = JSON.stringify(picky.model_name);
    const target = '/v1/chat/completions?model=gpt';
    for (const [i, [body, want]] of [
      [odd, odd.replace('"wire"', name)], ['{"model":"whatever"}', `{"model":${name}}`],
      ['{"a":1}', '{"a":1}'], ['[1]', '[1]'], ['not json', 'not json'], ['{"a":', '{"a":'],
    ].entries()) {
      assert.equal((await talk(post(`query${i}`, body, { target }))).status, 200, body);
      assert.equal((await got(`query${i}`)).body.toString(), want);
    }
    assert.equal((await talk(post('query-form', 'x', { target, type: 'multipart/form-data' }))).status, 200);
    assert.equal((await got('query-form')).body.toString(), 'x');
  });
  test('with `model` twice is refused', async () => {
    for (const body of ['{"model":"wire","model":"picky"}', '{"model":"wire","a":[],"m\\u006fdel":"wire"}']) {
      const answer = await talk(post('twice', body));
      assert.equal(answer.status, 400, answer.body.toString());
      assert.match(JSON.parse(answer.body).error.message, /model/);
    }
    await sleep(50);
    assert.equal(stage.of('twice').length, 0);
  });
  test('names it at the top level only', async () => {
    for (const body of ['{"a":{"model":"wire"}}', '[{"model":"wire"}]', '"model"', '{"model":7}', '{"model":null}', '{"model":""}',
      '{"model":["wire"]}', '', '{', '{"model":"wire', 'model=wire', '{"model":"wi\\u0000re"}', '{"model":"\\ud800"}']) {
      const answer = await talk(post('nameless', body));
      assert.ok([400, 404].includes(answer.status), `${body}: ${answer.head}`);
      assert.ok(JSON.parse(answer.body).error.message.length > 0);
    }
  });
  test('of 12 MB with the name behind 8 MB, whole and chunked', async () => {
    const head = `{"image":"${'A'.repeat(8 * 1024 * 1024)}","model":"gpt","rest":"`;
    const body = `${head}${'B'.repeat(4 * 1024 * 1024)}"}`;
    const want = Buffer.from(body.replace('"gpt"', JSON.stringify(picky.model_name)));
    assert.equal((await talk(post('late', body))).status, 200);
    assert.ok((await got('late')).body.equals(want), 'the same bytes');
    const pieces = [`POST /v1/chat/completions HTTP/1.1\r\n${host()}X-Part: late-chunked\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`];
    for (let at = 0; at < body.length; at += 1000003) pieces.push(chunk(body.slice(at, at + 1000003)));
    assert.equal((await talk(...pieces, LAST)).status, 200);
    assert.ok((await got('late-chunked')).body.equals(want), 'the same bytes');
  });
  test('beyond the limit is 413, declared or chunked', async () => {
    const declared = await talk(`POST /v1/chat/completions HTTP/1.1\r\n${host()}Content-Length: 20971521\r\n\r\n`);
    assert.equal(declared.status, 413);
    assert.ok(JSON.parse(declared.body).error.message);
    const raw = new Raw(hearth.port).send(`POST /v1/chat/completions HTTP/1.1\r\n${host()}Transfer-Encoding: chunked\r\n\r\n`);
    const mega = chunk(`${' '.repeat(1024 * 1024)}`);
    for (let i = 0; i < 22 && !raw.text; i++) { raw.socket.write(mega); await sleep(2); }
    await until('a refusal', () => answers(raw.bytes).list[0] ?? raw.isClosed);
    assert.match(raw.text, /^HTTP\/1\.1 413 /);
    raw.socket.destroy();
    await nextWorks();
  });
  test('byte by byte, whole and chunked', async () => {
    const whole = post('slow', ask());
    assert.equal((await talk(...Array.from(whole, (byte) => Buffer.from([byte])))).status, 200);
    assert.equal((await got('slow')).body.toString(), ask());
    const chunked = [`POST /v1/chat/completions HTTP/1.1\r\n${host()}X-Part: slow-chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
      ...Array.from(ask(), (byte) => chunk(byte)), '0\r\nX-Trailer: 1\r\n\r\n'];
    assert.equal((await talk(...chunked)).status, 200);
    const request = await got('slow-chunked');
    assert.equal(request.body.toString(), ask());
    assert.doesNotMatch(request.head, /x-trailer/i);
  });
  test('waits for 100 Continue, and is not asked for in vain', async () => {
    const body = ask();
    const raw = new Raw(hearth.port).send(`POST /v1/chat/completions HTTP/1.1\r\n${host()}X-Part: expect\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`);
    await until('100', () => raw.text.startsWith('HTTP/1.1 100 Continue\r\n\r\n'));
    raw.send(body);
    await until('200', () => / 200 /.test(raw.text) && answers(raw.bytes).list.length === 2);
    assert.doesNotMatch((await got('expect')).head, /\r\nexpect:/i);
    raw.socket.destroy();
    const refused = new Raw(hearth.port).send(`POST /nowhere HTTP/1.1\r\n${host()}Expect: 100-continue\r\nContent-Length: 10\r\n\r\n`);
    await until('404', () => answers(refused.bytes).list[0]);
    assert.match(refused.text, /^HTTP\/1\.1 404 /);
    refused.socket.destroy();
  });
  test('may be a form, with `model` before or after the file', async () => {
    const name = picky.model_name;
    const part = (fields, value) => `--b0\r\nContent-Disposition: form-data; ${fields}\r\n\r\n${value}\r\n`;
    const file = part('name="file"; filename="model"', `RIFF\0\xff--b1\r\n--b0x name="model"${'\0'.repeat(400000)}`);
    const form = (model) => Buffer.from([part('name="x"', 'model'), file, part('name="model"', model), '--b0--\r\n'].join(''), 'latin1');
    const early = (model) => Buffer.from([part('name=model', model), file, '--b0--\r\n'].join(''), 'latin1');
    for (const [i, write] of [form, early].entries()) {
      const options = { type: 'multipart/form-data; boundary="b0"', target: '/v1/audio/transcriptions' };
      assert.equal((await talk(post(`form${i}`, write('wire'), options))).status, 200);
      assert.ok((await got(`form${i}`)).body.equals(write('wire')), 'the same bytes');
      assert.equal((await talk(post(`form-gpt${i}`, write('gpt'), options))).status, 200);
      assert.ok((await got(`form-gpt${i}`)).body.equals(write(name)), 'only the name changed');
    }
  });
});

describe('names in paths', () => {
  test('with slashes, %2F and escapes', async () => {
    for (const [i, id] of ['org/deep/model:q4', 'org%2Fdeep%2fmodel%3Aq4', 'caf%C3%A9%20%22x%22'].entries()) {
      const one = await talk(`GET /v1/models/${id} HTTP/1.1\r\n${host()}\r\n`);
      assert.equal(one.status, 200, `${id}: ${one.body}`);
      const query = await talk(`GET /slots?model=${encodeURIComponent(decodeURIComponent(id))} HTTP/1.1\r\n${host()}X-Part: query${i}\r\n\r\n`);
      assert.equal(query.status, 200, query.body.toString());
      const through = await talk(`GET /upstream/${id}/a/b%2Fc?q=%20+1&model=x HTTP/1.1\r\n${host()}X-Part: through${i}\r\n\r\n`);
      assert.equal(through.status, 200, through.body.toString());
      assert.match((await got(`through${i}`)).head, /^GET \/a\/b%2Fc\?q=%20\+1&model=x HTTP\/1\.1\r\n/);
    }
    assert.equal((await talk(post('slashes', ask('org/deep/model:q4')))).status, 200);
    assert.equal((await talk(post('accents', ask('café "x"')))).status, 200);
  });
  test('other methods: those that are known, and no TRACE', async () => {
    for (const method of ['PUT', 'PATCH', 'DELETE'])
      assert.equal((await talk(`${method} /upstream/wire/x HTTP/1.1\r\n${host()}X-Part: other\r\n\r\n`)).status, 200, method);
    const trace = await talk(`TRACE /upstream/wire/x HTTP/1.1\r\n${host()}X-Part: trace\r\n\r\n`);
    assert.equal(trace.status, 405);
    assert.match(field(trace, 'Allow'), /GET.*DELETE/);
    assert.match(field(await talk(`PUT /v1/chat/completions HTTP/1.1\r\n${host()}\r\n`), 'Allow'), /^POST$/);
    assert.deepEqual([stage.of('other').length, stage.of('trace').length], [3, 0]);
  });
  test('tricks reach nobody', async () => {
    for (const target of ['/v1/../api/keys', '/upstream/../api/keys', '/v1/models/%00', '/upstream/%00/x', '/v1/models/%', '/upstream//x',
      '//v1/chat/completions', '/v1//models', '/%2e%2e/etc/passwd', '/upstream/wire%00/x', '/upstream/%2e%2e/x', '/v1/models/..%2f..%2fetc']) {
      const answer = await talk(`GET ${target} HTTP/1.1\r\n${host()}X-Part: trick\r\n\r\n`);
      assert.ok([400, 404].includes(answer.status), `${target}: ${answer.head}`);
    }
    assert.equal(stage.of('trick').length, 0);
  });
});

describe('the engine\'s answer', () => {
  test('keeps its error: status, body, Retry-After; asked once', async () => {
    for (const [i, status] of ['400 Bad', '401 No', '404 None', '422 Odd', '429 Many', '500 Ouch', '503 Later', '529 Over'].entries()) {
      const body = `{"error":{"message":"said ${i} \\u00e9","x":12345678901234567890}}`;
      stage.parts[`error${i}`] = (_, socket) => socket.end(`HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nRetry-After: 17\r\nConnection: close\r\n` +
        `Keep-Alive: timeout=5\r\nX-Request-Id: abc\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      const answer = await talk(post(`error${i}`));
      assert.equal(answer.status, Number(status.slice(0, 3)));
      assert.equal(answer.body.toString(), body);
      assert.equal(field(answer, 'Retry-After'), '17');
      assert.equal(field(answer, 'X-Request-Id'), 'abc');
      assert.equal(field(answer, 'Keep-Alive'), undefined);
      assert.notEqual(field(answer, 'Connection')?.toLowerCase(), 'close', 'the engine\'s connection is not the client\'s');
      assert.equal(stage.of(`error${i}`).length, 1);
    }
  });
  test('loses what is between two hops, its trailers, and what speaks for the origin', async () => {
    stage.parts.hops = (_, socket) => socket.write(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nProxy-Authenticate: x\r\n' +
      'Trailer: X-Late\r\nUpgrade: h2c\r\nSet-Cookie: hearth_session=stolen\r\nClear-Site-Data: "*"\r\nAccess-Control-Allow-Origin: *\r\nX-End: 1\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n'),
      chunk('body'), Buffer.from('0\r\nX-Late: 1\r\n\r\n')]));
    const answer = await talk(post('hops', ask(), { fields: 'Connection: keep-alive, X-Own\r\nX-Own: 1\r\nTE: trailers\r\nProxy-Authorization: Basic x\r\nKeep-Alive: 5\r\nX-End: 2\r\n' }));
    assert.equal(answer.body.toString(), 'body');
    for (const name of ['X-Hop', 'Proxy-Authenticate', 'Trailer', 'Upgrade', 'X-Late', 'Access-Control-Allow-Origin', 'Set-Cookie', 'Clear-Site-Data'])
      assert.equal(field(answer, name), undefined, name);
    assert.equal(field(answer, 'X-End'), '1');
    const { head } = await got('hops');
    assert.doesNotMatch(head, /\r\n(x-own|te|proxy-authorization|keep-alive):/i);
    assert.match(head, /\r\nX-End: 2\r\n/);
  });
  test('that can be read in two ways is a 502', async () => {
    const rows = {
      'cl-te': 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      'two-cl': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!',
      'bare-lf': 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok',
      'no-status': 'HTTP/1.1 abc\r\nContent-Length: 2\r\n\r\nok',
      'split': 'HTTP/1.1 200 OK\r\nX-A: a\rSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok',
      'nul': 'HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 2\r\n\r\nok',
      'not-http': 'hello\r\n\r\n',
      'empty': '',
    };
    for (const [part, text] of Object.entries(rows)) {
      stage.parts[part] = (_, socket) => socket.end(text);
      const answer = await talk(post(part));
      assert.equal(answer.status, 502, `${part}: ${answer.head}`);
      assert.ok(JSON.parse(answer.body).error.message);
      assert.equal(stage.of(part).length, 1, `${part}: asked once`);
    }
    await nextWorks();
  });
  test('a second answer on one connection is nobody\'s', async () => {
    stage.parts.pair = (_, socket) => socket.write(json({ mine: 1 }) + json({ stolen: 1 }));
    for (let i = 0; i < 3; i++) {
      const answer = await talk(post('pair'));
      assert.deepEqual(JSON.parse(answer.body), { mine: 1 });
      assert.doesNotMatch((await talk(post('next'))).body.toString(), /stolen/);
    }
  });
  test('100 and 103 before it are not the answer', async () => {
    stage.parts.interim = (_, socket) => socket.write(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${json({ ok: 1 })}`);
    const answer = await talk(post('interim'));
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(answer.body), { ok: 1 });
  });
  test('until the connection ends, and none at all (204, HEAD)', async () => {
    stage.parts.untilend = (_, socket) => socket.end('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it');
    const answer = await talk(post('untilend'));
    assert.equal(answer.body.toString(), 'all of it');
    stage.parts.none = (_, socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\n');
    assert.equal((await talk(post('none'))).status, 204);
    const raw = new Raw(hearth.port).send(`HEAD /v1/models HTTP/1.1\r\n${host()}\r\nHEAD /upstream/wire/x HTTP/1.1\r\n${host()}X-Part: head\r\n\r\n` +
      `GET /health HTTP/1.1\r\n${host()}Connection: close\r\n\r\n`);
    const text = await raw.closed;
    assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 200']);
    assert.equal(text.match(/\r\n\r\n/g).length, 3);
    assert.doesNotMatch(text.slice(0, text.lastIndexOf('HTTP/1.1')), /\r\n\r\n(?!HTTP|$)/, 'no body after a HEAD');
  });
});

test('connections are used again, after answers, streams and aborts; in order', async () => {
  stage.parts.order = (request, socket) => {
    const { n } = JSON.parse(request.body);
    setTimeout(() => socket.write(json({ n })), n === 0 ? 100 : 0);
  };
  const raw = new Raw(hearth.port);
  raw.send(Buffer.concat([0, 1, 2, 3].map((n) => post('order', ask('wire', { n })))));
  await until('four answers', () => answers(raw.bytes).list.length === 4);
  assert.deepEqual(answers(raw.bytes).list.map((one) => JSON.parse(one.body).n), [0, 1, 2, 3]);
  stage.parts.short = (_, socket) => socket.write(Buffer.concat([Buffer.from(EVENTS), chunk('data: 1\n\n'), Buffer.from(LAST)]));
  raw.send(post('short', ask('wire', { stream: true })));
  await until('the stream', () => answers(raw.bytes).list.length === 5);
  raw.send(post('next'));
  await until('one more', () => answers(raw.bytes).list.length === 6);
  assert.equal(raw.isClosed, false);
  raw.socket.destroy();
  const before = stage.nConnections;
  for (let i = 0; i < 20; i++) await nextWorks();
  assert.ok(stage.nConnections - before <= 2, `${stage.nConnections - before} connections for 20 requests`);
});

test('the engine never sees what was meant for us', async () => {
  const answer = await talk(post('secrets', ask(), { fields: `Authorization: Bearer ${KEY}\r\nX-Api-Key: ${KEY}\r\nCookie: hearth_session=${KEY}; a=b\r\n` +
    `OpenAI-Organization: org\r\nanthropic-version: 2023-06-01\r\nUser-Agent: test/1\r\n` }));
  assert.equal(answer.status, 200, answer.body.toString());
  const { head } = await got('secrets');
  assert.ok(!head.includes(KEY), head);
  assert.doesNotMatch(head, /\r\n(authorization|x-api-key|cookie):/i);
  for (const kept of ['OpenAI-Organization: org', 'anthropic-version: 2023-06-01', 'User-Agent: test/1']) assert.ok(head.includes(kept), kept);
  assert.match(head, /\r\nHost: 127\.0\.0\.1:\d+\r\n/i);
  assert.equal(head.match(/\r\nhost:/gi).length, 1);
});

test('CORS: preflight, answers, errors and streams', async () => {
  const wanted = 'authorization,content-type,x-stainless-lang,x-stainless-retry-count,anthropic-version,x-api-key';
  const preflight = await talk(`OPTIONS /v1/chat/completions HTTP/1.1\r\n${host()}Origin: ${ORIGIN}\r\nAccess-Control-Request-Method: POST\r\n` +
    `Access-Control-Request-Headers: ${wanted}\r\n\r\n`);
  assert.equal(preflight.status, 204);
  assert.equal(field(preflight, 'Access-Control-Allow-Origin'), ORIGIN);
  const allowed = field(preflight, 'Access-Control-Allow-Headers').toLowerCase().split(/, */);
  for (const name of wanted.split(',')) assert.ok(allowed.includes(name), name);
  assert.match(field(preflight, 'Access-Control-Allow-Methods'), /POST/);
  assert.match(field(preflight, 'Vary'), /Origin/i);
  stage.parts.cors = (_, socket) => socket.write(Buffer.concat([Buffer.from(EVENTS), Buffer.from(LAST)]));
  stage.parts['cors-error'] = (_, socket) => socket.write(json({}, '500 No'));
  const origin = { fields: `Origin: ${ORIGIN}\r\n` };
  for (const answer of [
    await talk(post('next', ask(), origin)), await talk(post('cors', ask(), origin)), await talk(post('cors-error', ask(), origin)),
    await talk(post('x', ask('nobody'), origin)), await talk(post('x', '{', origin)),
    await talk(`GET /v1/models HTTP/1.1\r\n${host()}Origin: ${ORIGIN}\r\n\r\n`),
    await talk(`GET /v1/nothing HTTP/1.1\r\n${host()}Origin: ${ORIGIN}\r\n\r\n`),
    await talk(`DELETE /v1/models HTTP/1.1\r\n${host()}Origin: ${ORIGIN}\r\n\r\n`),
    await talk(post('x', ask(), { fields: `Origin: ${ORIGIN}\r\nAuthorization: Nonsense x\r\n` })),
    await talk(`POST /v1/chat/completions HTTP/1.1\r\n${host()}Origin: ${ORIGIN}\r\nContent-Length: 20971521\r\n\r\n`),
    await talk(`POST /v1/chat/completions HTTP/1.1\r\n${host()}Origin: ${ORIGIN}\r\nExpect: more\r\nContent-Length: 2\r\n\r\n`),
  ]) assert.equal(field(answer, 'Access-Control-Allow-Origin'), ORIGIN, answer.head);
  const foreign = await talk(post('foreign', ask(), { fields: 'Origin: https://evil.example\r\n' }));
  assert.equal(foreign.status, 403);
  const large = await talk(`POST /v1/chat/completions HTTP/1.1\r\n${host()}Origin: https://evil.example\r\nContent-Length: 20971521\r\n\r\n`);
  assert.deepEqual([large.status, field(large, 'Access-Control-Allow-Origin')], [413, undefined]);
  assert.equal(field(foreign, 'Access-Control-Allow-Origin'), undefined);
  const refused = await talk(`OPTIONS /v1/chat/completions HTTP/1.1\r\n${host()}Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n`);
  assert.equal(field(refused, 'Access-Control-Allow-Origin'), undefined);
  assert.equal(stage.of('foreign').length, 0);
});

test('errors speak the dialect of their path', async () => {
  const openai = JSON.parse((await talk(post('x', ask('nobody')))).body);
  assert.deepEqual(Object.keys(openai.error).sort(), ['code', 'message', 'param', 'type']);
  assert.equal(openai.error.code, 'model_not_found');
  const anthropic = JSON.parse((await talk(post('x', ask('nobody'), { target: '/v1/messages' }))).body);
  assert.equal(anthropic.type, 'error');
  assert.equal(anthropic.error.type, 'not_found_error');
  const llama = JSON.parse((await talk(post('x', ask('nobody'), { target: '/completion' }))).body);
  assert.equal(llama.error.code, 404);
  assert.match(llama.error.message, /nobody/);
  stage.parts.gone = (_, socket) => socket.destroy();
  const broken = await talk(post('gone', ask(), { target: '/v1/messages' }));
  assert.equal(broken.status, 502);
  assert.deepEqual([JSON.parse(broken.body).type, JSON.parse(broken.body).error.type], ['error', 'api_error']);
});

test('a reader that is slow holds the engine up, not our memory', async () => {
  let written = 0;
  stage.parts.big = (request, socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n');
    const piece = Buffer.alloc(65536, 'x');
    const fill = () => {
      while (!request.isGone && socket.write(piece)) written += piece.length;
      written += piece.length;
    };
    socket.on('drain', fill);
    fill();
  };
  const raw = new Raw(hearth.port).send(post('big', ask('wire', { stream: true })));
  await until('the beginning', () => raw.text.length > 0);
  raw.socket.pause();
  let last = -1;
  await until('the engine to be held up', async () => {
    const same = written === last;
    last = written;
    await sleep(300);
    return same;
  });
  assert.ok(written < 64 * 1024 * 1024, `${written} bytes were taken for a client that reads nothing`);
  await nextWorks();
  raw.socket.destroy();
  await until('the engine to be left', () => stage.of('big')[0].isGone);
});

describe('what a peer could read in two ways', () => {
  const B = '{"model":"wire"}';
  const whole = `10\r\n${B}\r\n0\r\n\r\n`;
  const rows = { // [fields, body]
    'Transfer-Encoding behind a vertical tab': ['Transfer-Encoding: \x0bchunked\r\nContent-Length: 16\r\n', B],
    'xchunked': ['Transfer-Encoding: xchunked\r\nContent-Length: 16\r\n', B],
    'quoted': ['Transfer-Encoding: "chunked"\r\nContent-Length: 16\r\n', B],
    'chunked twice': ['Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', whole],
    'chunked, chunked': ['Transfer-Encoding: chunked, chunked\r\n', whole],
    'no coding, a length': ['Transfer-Encoding:\r\nContent-Length: 16\r\n', B],
    'identity, a length': ['Transfer-Encoding: identity\r\nContent-Length: 16\r\n', B],
    'NUL in a name': ['Transfer-Encoding\0: chunked\r\nContent-Length: 16\r\n', B],
    'folded coding': ['Transfer-Encoding:\r\n chunked\r\nContent-Length: 16\r\n', B],
    'length +16': ['Content-Length: +16\r\n', B],
    'length -1': ['Content-Length: -1\r\n', B],
    'length 0x10': ['Content-Length: 0x10\r\n', B],
    'length 16, 16': ['Content-Length: 16, 16\r\n', B],
    'the same length twice': ['Content-Length: 16\r\nContent-Length: 16\r\n', B],
    'no length': ['Content-Length:\r\n', B],
    'length beyond 64 bits': ['Content-Length: 18446744073709551632\r\n', B],
    'bare CR': ['A: b\rC: d\r\nContent-Length: 16\r\n', B],
    'nameless field': [': x\r\nContent-Length: 16\r\n', B],
    'LF in a chunk extension': ['Transfer-Encoding: chunked\r\n', `10;a="\n"\r\n${B}\r\n0\r\n\r\n`],
    'space behind a chunk size': ['Transfer-Encoding: chunked\r\n', `10 \r\n${B}\r\n0\r\n\r\n`],
    'chunk lines of LF': ['Transfer-Encoding: chunked\r\n', `10\n${B}\n0\n\n`],
    'chunk size beyond 64 bits': ['Transfer-Encoding: chunked\r\n', `10000000000000010\r\n${B}\r\n0\r\n\r\n`],
    'chunk without its end': ['Transfer-Encoding: chunked\r\n', `10\r\n${B}XX0\r\n\r\n`],
    'a length among the trailers': ['Transfer-Encoding: chunked\r\n', `10\r\n${B}\r\n0\r\nContent-Length: 5\r\n\r\n`],
    'LF among the trailers': ['Transfer-Encoding: chunked\r\n', `10\r\n${B}\r\n0\r\nA: b\n\r\n`],
  };
  for (const [name, [fields, body]] of Object.entries(rows))
    test(name, async () => {
      const raw = new Raw(hearth.port).send(`POST /v1/completions HTTP/1.1\r\n${host()}X-Part: two-ways\r\n${fields}\r\n${body}` +
        `GET /upstream/wire/x HTTP/1.1\r\n${host()}X-Part: smuggled\r\n\r\n`);
      const text = await raw.closed;
      assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 400']);
      assert.deepEqual([stage.of('two-ways').length, stage.of('smuggled').length], [0, 0]);
    });
  test('no field that `Connection` names hides the framing', async () => {
    for (const fields of ['Connection: content-length, host, content-type\r\nContent-Length: 16\r\n', 'Transfer_Encoding: chunked\r\nContent-Length: 16\r\n']) {
      assert.equal((await talk(`POST /v1/completions HTTP/1.1\r\n${host()}X-Part: hidden\r\n${fields}\r\n${B}`)).status, 200);
      const { head, body } = await got('hidden');
      assert.match(head, /\r\nContent-Length: 16\r\n/i);
      assert.match(head, /\r\nHost: /i);
      assert.equal(body.toString(), B);
    }
  });
});

describe('patience and numbers', { concurrency: true }, () => {
  test('8 s of silence inside a stream', async () => {
    stage.parts.stall = (_, socket) => {
      socket.write(EVENTS);
      socket.write(chunk('data: 1\n\n'));
      setTimeout(() => socket.write(Buffer.concat([chunk('data: [DONE]\n\n'), Buffer.from(LAST)])), 8000);
    };
    const { body } = await talk(post('stall', ask('wire', { stream: true })));
    assert.equal(body.toString(), 'data: 1\n\ndata: [DONE]\n\n');
  });
  test('6 s before the first byte', async () => {
    stage.parts.late6 = (_, socket) => setTimeout(() => socket.write(json({ late: 1 })), 6000);
    assert.deepEqual(JSON.parse((await talk(post('late6'))).body), { late: 1 });
  });
  test('32 streams side by side, each its own', async () => {
    stage.parts.many = (request, socket) => {
      const { n } = JSON.parse(request.body);
      let i = 0;
      socket.write(EVENTS);
      const timer = setInterval(() => {
        socket.write(chunk(`data: ${n}-${i}\n\n`));
        if (++i < 20) return;
        clearInterval(timer);
        socket.write(LAST);
      }, 20);
    };
    await Promise.all(Array.from({ length: 32 }, async (_, n) => {
      const { body } = await talk(post('many', ask('wire', { stream: true, n })));
      assert.equal(body.toString(), Array.from({ length: 20 }, (__, i) => `data: ${n}-${i}\n\n`).join(''));
    }));
  });
  test('200 connections at once', async () => {
    stage.parts.crowd = (request, socket) => setTimeout(() => socket.write(json({ n: JSON.parse(request.body).n })), 500);
    const all = await Promise.all(Array.from({ length: 200 }, (_, n) => talk(post('crowd', ask('wire', { n })))));
    assert.deepEqual(all.map((one) => JSON.parse(one.body).n), Array.from({ length: 200 }, (_, n) => n));
  });
});
