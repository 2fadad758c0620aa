// What the edge refuses, seen from raw sockets of the real daemon: the right
// status, an error in the dialect of the path, a closed connection, and never
// an answer to what follows.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { Hearth } from '../lib/hearth.mjs';

let hearth;
before(async () => { hearth = await Hearth.start(); });
after(() => hearth.stop());

// Sends the pieces, 5 ms apart; resolves to all that came until the end.
function talk(...pieces) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(hearth.port, '127.0.0.1');
    const got = [];
    socket.setTimeout(20000, () => reject(new Error(`no end after: ${Buffer.concat(got)}`)));
    socket.on('data', (bytes) => got.push(bytes));
    socket.on('error', (error) => (got.length ? resolve(Buffer.concat(got).toString()) : reject(error)));
    socket.on('close', () => { socket.destroy(); resolve(Buffer.concat(got).toString()); });
    const next = () => {
      if (!pieces.length || socket.destroyed) return;
      socket.write(pieces.shift(), 'latin1');
      setTimeout(next, 5);
    };
    next();
  });
}

const host = () => `Host: 127.0.0.1:${hearth.port}\r\n`;
const smuggled = () => `GET /health HTTP/1.1\r\n${host()}Connection: close\r\n\r\n`;
const chat = (fields, body) =>
  `POST /v1/chat/completions HTTP/1.1\r\n${host()}Content-Type: application/json\r\n${fields}\r\n${body}`;

const rows = {
  'two lengths': [400, () => chat('Content-Length: 2\r\nContent-Length: 3\r\n', '{}')],
  'length and chunked': [400, () => chat('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  'chunked, identity': [400, () => chat('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n')],
  'space before the colon': [400, () => chat('Content-Length : 2\r\n', '{}')],
  'bare LF': [400, () => chat('A: b\nContent-Length: 2\r\n', '{}')],
  'folded field': [400, () => chat('A: b\r\n c\r\nContent-Length: 2\r\n', '{}')],
  'chunk size 0x2': [400, () => chat('Transfer-Encoding: chunked\r\n', '0x2\r\n{}\r\n0\r\n\r\n')],
  'unknown coding': [501, () => chat('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n')],
  'unknown expectation': [417, () => chat('Expect: more\r\nContent-Length: 2\r\n', '{}')],
  'too large': [413, () => chat('Content-Length: 99999999999\r\n', '{}')],
  'long field': [431, () => chat(`A: ${'a'.repeat(40000)}\r\n`, '')],
};

for (const [name, [status, text]] of Object.entries(rows))
  test(`${name}: ${status}`, async () => {
    const whole = text() + smuggled();
    const half = Math.floor(whole.length / 2);
    for (const pieces of [[whole], [whole.slice(0, half), whole.slice(half)]]) {
      const got = await talk(...pieces);
      assert.match(got, new RegExp(`^HTTP/1.1 ${status} `));
      assert.equal(got.match(/HTTP\/1\.1 \d/g).length, 1, got);
      assert.match(got, /\r\nConnection: close\r\n/i);
      const { error } = JSON.parse(got.slice(got.indexOf('\r\n\r\n') + 4));
      assert.equal(typeof error.message, 'string');
      assert.equal(typeof error.type, 'string'); // as OpenAI's clients expect
    }
  });

test('a version that is not known, a target that is too long', async () => {
  assert.match(await talk(`GET / HTTP/2.0\r\n${host()}\r\n`), /^HTTP\/1\.1 505 /);
  assert.match(await talk(`GET /${'a'.repeat(9000)} HTTP/1.1\r\n${host()}\r\n`), /^HTTP\/1\.1 414 /);
});

test('under /api a refusal has the envelope of the API', async () => {
  const got = await talk(`GET /api/profiles HTTP/1.1\r\n${host()}${host()}\r\n`);
  assert.match(got, /^HTTP\/1\.1 400 /);
  const { success, error } = JSON.parse(got.slice(got.indexOf('\r\n\r\n') + 4));
  assert.equal(success, false);
  assert.equal(typeof error.code, 'string');
});

test('pipelined requests are answered in order, byte by byte as well', async () => {
  const two = `GET /health HTTP/1.1\r\n${host()}\r\nGET /nope HTTP/1.1\r\n${host()}Connection: close\r\n\r\n`;
  for (const pieces of [[two], [...two]]) {
    const statuses = (await talk(...pieces)).match(/HTTP\/1\.1 \d+/g);
    assert.deepEqual(statuses, ['HTTP/1.1 200', 'HTTP/1.1 404']);
  }
});
