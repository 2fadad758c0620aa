// The framing of WebSocket, case by case: the list of the Autobahn test suite,
// classes 1 to 7, 9 and 10 (compression, 12 and 13, is not negotiated), written
// as raw frames against the plain echo of `hearth serve --conformance`. The suite
// itself is run by tools/autobahn.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { Hearth, sleep } from './lib/hearth.mjs';

const KIB = 1024, MIB = 1024 * KIB;
const CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;
const PROTOCOL = 1002, NOT_UTF8 = 1007;
let hearth;
before(async () => { hearth = await Hearth.start({ args: ['--conformance'] }); });
after(() => hearth.stop());

// ---- frames ----

const bytes = (value) => Buffer.isBuffer(value) ? value : Buffer.from(value);

function mask(payload, key) {
  const out = Buffer.allocUnsafe(payload.length);
  for (let i = 0; i < payload.length; i++) out[i] = payload[i] ^ key[i & 3];
  return out;
}

// `fin` false: more of the message follows. `rsv`: its three bits.
function frame(opcode, payload = '', { fin = true, rsv = 0 } = {}) {
  const data = bytes(payload), key = crypto.randomBytes(4);
  const n = data.length;
  const head = Buffer.alloc(n < 126 ? 2 : n < 65536 ? 4 : 10);
  head[0] = (fin ? 0x80 : 0) | rsv << 4 | opcode;
  head[1] = 0x80 | (n < 126 ? n : n < 65536 ? 126 : 127);
  if (n >= 65536) head.writeBigUInt64BE(BigInt(n), 2);
  else if (n >= 126) head.writeUInt16BE(n, 2);
  return Buffer.concat([head, key, mask(data, key)]);
}

// One message in frames of at most `size` bytes; `opcode` is of the first.
function fragments(opcode, payload, size) {
  const data = bytes(payload), frames = [];
  for (let at = 0; at === 0 || at < data.length; at += size)
    frames.push(frame(at === 0 ? opcode : CONTINUATION, data.subarray(at, at + size), { fin: at + size >= data.length }));
  return frames;
}

const code = (number, reason = '') => {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(number);
  return Buffer.concat([head, bytes(reason)]);
};

// ---- a client that writes what it is told to ----

class Client {
  static async open() {
    const client = new Client();
    client.socket = net.connect(hearth.port, '127.0.0.1');
    client.socket.setNoDelay(true);
    client.frames = [];
    client.rest = [];
    client.n = 0;
    client.ended = once(client.socket, 'close');
    client.socket.on('error', () => {}); // what was written after the end
    const key = crypto.randomBytes(16).toString('base64');
    client.socket.write(`GET /ws/echo HTTP/1.1\r\nHost: 127.0.0.1:${hearth.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
      + `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`);
    let head = Buffer.alloc(0);
    await new Promise((resolve, reject) => {
      client.ended.then(() => reject(new Error(`no handshake: ${head}`)), reject);
      client.socket.on('data', function take(piece) {
        head = Buffer.concat([head, piece]);
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        client.socket.off('data', take);
        assert.match(head.toString('latin1', 0, end), /^HTTP\/1\.1 101 /);
        client.socket.on('data', (more) => client.take(more));
        client.take(head.subarray(end + 4));
        resolve();
      });
    });
    return client;
  }

  // Frames of the server: whole, and never masked.
  take(piece) {
    this.rest.push(piece);
    this.n += piece.length;
    if (this.needs && this.n < this.needs) return;
    let all = this.rest.length === 1 ? this.rest[0] : Buffer.concat(this.rest);
    this.needs = 0;
    for (;;) {
      if (all.length < 2) break;
      assert.equal(all[0] & 0x70, 0, 'a reserved bit');
      assert.equal(all[1] & 0x80, 0, 'a masked frame of the server');
      const short = all[1] & 0x7f, head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (all.length < head) break;
      const n = short < 126 ? short : short === 126 ? all.readUInt16BE(2) : Number(all.readBigUInt64BE(2));
      if (all.length < head + n) { this.needs = head + n; break; }
      this.frames.push({ opcode: all[0] & 15, fin: (all[0] & 0x80) !== 0, payload: all.subarray(head, head + n) });
      all = all.subarray(head + n);
    }
    this.rest = [all];
    this.n = all.length;
    this.wake?.();
  }

  // In pieces of `chop` bytes, each a write of its own; 0: at once. Of what is
  // short the server reads every piece by itself.
  async write(frames, chop = 0) {
    for (const one of [frames].flat()) {
      for (let at = 0; chop > 0 && at < one.length; at += chop) {
        this.socket.write(one.subarray(at, at + chop));
        if (one.length <= 160) await sleep(1);
        else if (at % (chop * 64) === 0) await new Promise(setImmediate);
      }
      if (chop === 0 && !this.socket.write(one)) await Promise.race([once(this.socket, 'drain'), this.ended]);
    }
  }

  async until(n, ms = 60000) {
    const timer = setTimeout(() => this.socket.destroy(), ms);
    let isOver = false;
    this.ended.then(() => { isOver = true; this.wake?.(); });
    while (this.frames.length < n && !isOver) await new Promise((resolve) => { this.wake = resolve; });
    clearTimeout(timer);
  }
}

const show = ({ opcode, payload }) => `${opcode}:${payload.length > 40 ? `${payload.length} bytes` : payload.toString('latin1')}`;

function equal(client, expected) {
  const got = client.frames;
  assert.equal(got.map(show).join(' | '), expected.map(([opcode, payload]) => show({ opcode, payload: bytes(payload) })).join(' | '));
  for (const [i, [, payload]] of expected.entries()) {
    assert.ok(got[i].fin);
    assert.ok(got[i].payload.equals(bytes(payload)), `frame ${i} differs`);
  }
}

// What comes back, and then an orderly close that we begin.
async function echoes(send, expected, { chop = 0 } = {}) {
  const client = await Client.open();
  await client.write(send, chop);
  await client.until(expected.length);
  await client.write(frame(CLOSE, code(1000)));
  await client.ended;
  equal(client, [...expected, [CLOSE, code(1000)]]);
}

// What comes back before the fault, then the fault's code, then the end: the
// server ends the connection by itself.
async function fails(send, expected, fault, { chop = 0 } = {}) {
  const client = await Client.open();
  client.write(send, chop);
  await client.ended;
  const last = client.frames.pop();
  assert.ok(last !== undefined && last.opcode === CLOSE, `no close frame: ${client.frames.map(show).join(' | ')}`);
  assert.equal(last.payload.readUInt16BE(0), fault);
  equal(client, expected);
}

const hello = 'Hello, world!';
const text = (n) => Buffer.alloc(n, '*');

// ---- the cases ----

test('1.*: messages of every length, in one write and in many', async () => {
  for (const [opcode, fill] of [[TEXT, '*'], [BINARY, '\xfe']]) {
    for (const n of [0, 125, 126, 127, 128, 65535, 65536]) {
      const payload = Buffer.alloc(n, fill, 'latin1');
      await echoes(frame(opcode, payload), [[opcode, payload]]);
    }
    const payload = Buffer.alloc(65536, fill, 'latin1');
    await echoes(frame(opcode, payload), [[opcode, payload]], { chop: 997 });
  }
});

test('2.*: pings are answered with what they said, pongs are not', async () => {
  const odd = Buffer.from([0, 255, 254, 253, 252, 251, 0, 255]), most = Buffer.alloc(125, 0xfe);
  for (const payload of ['', hello, odd, most]) // 2.1 to 2.4
    await echoes(frame(PING, payload), [[PONG, payload]]);
  await fails(frame(PING, Buffer.alloc(126, 0xfe)), [], PROTOCOL); // 2.5
  await echoes(frame(PING, most), [[PONG, most]], { chop: 1 }); // 2.6
  await echoes(frame(PONG), []); // 2.7
  await echoes(frame(PONG, 'unsolicited'), []); // 2.8
  await echoes([frame(PONG, 'unsolicited'), frame(PING, 'ping')], [[PONG, 'ping']]); // 2.9
  const ten = Array.from({ length: 10 }, (_, i) => `payload-${i}`);
  for (const chop of [0, 1]) // 2.10, 2.11
    await echoes(ten.map((one) => frame(PING, one)), ten.map((one) => [PONG, one]), { chop });
});

test('3.*: reserved bits', async () => {
  await fails(frame(TEXT, hello, { rsv: 1 }), [], PROTOCOL);
  for (const [rsv, chop] of [[2, 0], [3, 8], [4, 1]]) // after a good one
    await fails([frame(TEXT, hello), frame(TEXT, hello, { rsv }), frame(PING)], [[TEXT, hello]], PROTOCOL, { chop });
  await fails(frame(BINARY, Buffer.alloc(8, 0xff), { rsv: 5 }), [], PROTOCOL);
  await fails(frame(PING, hello, { rsv: 6 }), [], PROTOCOL);
  await fails(frame(CLOSE, code(1000), { rsv: 7 }), [], PROTOCOL);
});

test('4.*: reserved opcodes', async () => {
  for (const opcodes of [[3, 4, 5, 6, 7], [11, 12, 13, 14, 15]])
    for (const [i, opcode] of opcodes.entries()) {
      const payload = i === 0 ? '' : 'reserved opcode payload';
      const before = i < 2 ? [] : [frame(TEXT, hello)];
      await fails([...before, frame(opcode, payload), frame(PING)], i < 2 ? [] : [[TEXT, hello]], PROTOCOL,
                  { chop: i === 3 ? 8 : i === 4 ? 1 : 0 });
    }
});

test('5.*: fragments, and what comes between them', async () => {
  const first = frame(TEXT, 'fragment1', { fin: false }), last = frame(CONTINUATION, 'fragment2');
  const whole = [TEXT, 'fragment1fragment2'];
  for (const opcode of [PING, PONG]) // 5.1, 5.2
    await fails([frame(opcode, 'fragment1', { fin: false }), last], [], PROTOCOL);
  for (const chop of [0, 8, 1]) { // 5.3 to 5.8
    await echoes([first, last], [whole], { chop });
    await echoes([first, frame(PING, 'ping payload'), last], [[PONG, 'ping payload'], whole], { chop });
  }
  for (const chop of [0, 8, 1]) // 5.9 to 5.14
    for (const fin of [true, false])
      await fails([frame(CONTINUATION, 'non-continuation payload', { fin }), frame(TEXT, hello)], [], PROTOCOL, { chop });
  await fails([first, last, frame(CONTINUATION, 'fragment3', { fin: false }), frame(TEXT, 'fragment4')], [whole], PROTOCOL); // 5.15
  for (const fin of [false, true]) // 5.16, 5.17
    await fails([frame(CONTINUATION, 'fragment1', { fin }), frame(TEXT, 'fragment2', { fin: false }), frame(CONTINUATION, 'fragment3')],
                [], PROTOCOL);
  await fails([first, frame(TEXT, 'fragment2')], [], PROTOCOL); // 5.18
  const five = (i) => frame(i === 1 ? TEXT : CONTINUATION, `fragment${i}`, { fin: i === 5 });
  const pings = ['pongme 1!', 'pongme 2!', 'pongme 3!'];
  for (const chop of [0, 1]) // 5.19, 5.20
    await echoes([five(1), five(2), frame(PING, pings[0]), five(3), five(4), frame(PING, pings[1]), five(5), frame(PING, pings[2])],
                 [[PONG, pings[0]], [PONG, pings[1]], [TEXT, [1, 2, 3, 4, 5].map((i) => `fragment${i}`).join('')], [PONG, pings[2]]],
                 { chop });
});

// The sequences of Markus Kuhn's decoder test.
const hex = (digits) => Buffer.from(digits.replaceAll(' ', ''), 'hex');
const VALID = [
  'cebae1bdb9cf83cebcceb5', // κόσμε
  '00', 'c280', 'e0a080', 'f0908080', // the first of each length
  '7f', 'dfbf', 'efbfbf', 'f48fbfbf', // the last of each length
  'ed9fbf', 'ee8080', 'efbfbd', 'f48fbfbe', // beside the surrogates, the replacement
  'efbfbe', 'f09fbfbe', 'f09fbfbf', 'f0afbfbe', 'f3bfbfbf', // noncharacters
];
const INVALID = [
  'cebae1bdb9cf83cebcceb5eda080656469746564', // a surrogate in the middle
  'cebae1bdb9cf83cebcceb5f4908080656469746564', // above the last
  'f8888080 80', 'fc8480808080', 'f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf', 'f4908080', // too large
  '80', 'bf', '80bf', '80bf80', '80bf80bf', '80bf80bf80', '80bf80bf80bf', // continuations alone
  '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fbf',
  'c020c120c220df20', 'e020e120ef20', 'f020f120f720', 'f820fb20', 'fc20fd20', // beginnings alone
  'c0', 'e080', 'f08080', 'f8808080', 'fc80808080', 'df', 'efbf', 'f7bfbf', 'fbbfbfbf', 'fdbfbfbfbf', // cut short
  'c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf',
  'fe', 'ff', 'fefeffff', // bytes that never are
  'c0af', 'e080af', 'f08080af', 'f8808080af', 'fc80808080af', // longer than need be
  'c1bf', 'e09fbf', 'f08fbfbf', 'f887bfbfbf', 'fc83bfbfbfbf', 'c080', 'e08080', 'f0808080',
  'eda080', 'edadbf', 'edae80', 'edafbf', 'edb080', 'edbe80', 'edbfbf', // surrogates
  'eda080edb080', 'edafbfedbfbf',
].map((digits) => digits.replaceAll(' ', ''));

test('6.*: text is UTF-8, wherever it is cut', async () => {
  const empty = (fin, opcode = CONTINUATION) => frame(opcode, '', { fin });
  await echoes(frame(TEXT), [[TEXT, '']]); // 6.1
  await echoes([empty(false, TEXT), empty(false), empty(true)], [[TEXT, '']]);
  await echoes([empty(false, TEXT), frame(CONTINUATION, 'middle frame payload', { fin: false }), empty(true)], [[TEXT, 'middle frame payload']]);
  const all = Buffer.from('Hello-µ@ßöäüàá-UTF-8!!'); // 6.2
  await echoes(frame(TEXT, all), [[TEXT, all]]);
  for (const size of [1, 13, 14]) await echoes(fragments(TEXT, all, size), [[TEXT, all]]);
  await echoes(fragments(TEXT, all, 13), [[TEXT, all]], { chop: 1 });
  for (const digits of VALID) {
    await echoes(frame(TEXT, hex(digits)), [[TEXT, hex(digits)]]);
    await echoes(fragments(TEXT, hex(digits), 1), [[TEXT, hex(digits)]]);
  }
});

test('6.*: what is no UTF-8 is refused, as soon as it is seen', async () => {
  for (const digits of INVALID) { // 6.3, 6.8, 6.10 to 6.21
    await fails(frame(TEXT, hex(digits)), [], NOT_UTF8);
    await fails(fragments(TEXT, hex(digits), 1), [], NOT_UTF8);
  }
  // 6.4: at the byte that cannot be, though message and frame go on.
  const head = hex('cebae1bdb9cf83cebcceb5'), bad = hex('f4908080');
  await fails([frame(TEXT, head, { fin: false }), frame(CONTINUATION, bad, { fin: false })], [], NOT_UTF8);
  await fails([frame(TEXT, Buffer.concat([head, hex('f4')]), { fin: false }), frame(CONTINUATION, hex('90'), { fin: false })], [], NOT_UTF8);
  const long = frame(TEXT, Buffer.concat([head, bad, text(1000)]));
  await fails(long.subarray(0, long.length - 900), [], NOT_UTF8);
  await fails(long.subarray(0, long.length - 900), [], NOT_UTF8, { chop: 1 });
});

test('7.1: nothing is answered after a close', async () => {
  const close = frame(CLOSE, code(1000)), answer = [CLOSE, code(1000)];
  const ends = async (send, expected) => {
    const client = await Client.open();
    client.write(send);
    await client.ended;
    equal(client, expected);
  };
  await ends([frame(TEXT, hello), close], [[TEXT, hello], answer]); // 7.1.1
  await ends([close, close], [answer]);
  await ends([close, frame(PING)], [answer]);
  await ends([close, frame(TEXT, hello)], [answer]);
  await ends([frame(TEXT, 'fragment1', { fin: false }), close, frame(CONTINUATION, 'fragment2')], [answer]);
  const large = text(256 * KIB);
  await ends([frame(TEXT, large), close, frame(PING)], [[TEXT, large], answer]); // 7.1.6
});

test('7.3, 7.5: what a close says', async () => {
  const answers = async (payload, expected) => {
    const client = await Client.open();
    await client.write(frame(CLOSE, payload));
    await client.ended;
    assert.equal(client.frames.length, 1);
    assert.equal(client.frames[0].opcode, CLOSE);
    assert.equal(client.frames[0].payload.length === 0 ? 1005 : client.frames[0].payload.readUInt16BE(0), expected);
  };
  await answers('', 1005); // 7.3.1
  await answers('a', PROTOCOL); // 7.3.2
  await answers(code(1000), 1000);
  await answers(code(1000, 'Hello World!'), 1000);
  await answers(code(1000, text(123)), 1000); // 7.3.5
  await answers(code(1000, text(124)), PROTOCOL); // 7.3.6
  for (const digits of [...INVALID.filter((one) => one.length <= 246)]) { // 7.5.1, and more of its kind
    await answers(code(1000, hex(digits)), NOT_UTF8);
    await answers(code(1000, Buffer.concat([Buffer.from('why: '), hex(digits)])), NOT_UTF8);
  }
  for (const digits of VALID) await answers(code(1000, hex(digits)), 1000);
});

test('7.5: a reason is judged whole, however it arrives', async () => {
  for (const [reason, expected] of [['zu groß €', 1000], [hex('e282'), NOT_UTF8], [hex('c3a4f0'), NOT_UTF8], [hex('cebaff'), NOT_UTF8]]) {
    const client = await Client.open();
    client.write(frame(CLOSE, code(1000, reason)), 1);
    await client.ended;
    assert.deepEqual(client.frames.map(({ opcode, payload }) => [opcode, payload.readUInt16BE(0)]), [[CLOSE, expected]]);
  }
});

test('7.7, 7.9, 7.13: codes that may be said, and those that may not', async () => {
  const allowed = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
  const refused = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535];
  for (const number of [...allowed, ...refused]) {
    const client = await Client.open();
    client.write(frame(CLOSE, code(number)));
    await client.ended;
    assert.equal(client.frames.length, 1, `${number}`);
    assert.equal(client.frames[0].payload.readUInt16BE(0), allowed.includes(number) ? number : PROTOCOL, `${number}`);
  }
});

test('9.1, 9.2: large messages, up to 16 MiB', async () => {
  for (const opcode of [TEXT, BINARY])
    for (const n of [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB])
      await echoes(frame(opcode, text(n)), [[opcode, text(n)]]);
});

test('9.3, 9.4: 4 MiB in fragments of 64 bytes to 4 MiB', async () => {
  for (const opcode of [TEXT, BINARY])
    for (let size = 64; size <= 4 * MIB; size *= 4)
      await echoes(Buffer.concat(fragments(opcode, text(4 * MIB), size)), [[opcode, text(4 * MIB)]]);
});

test('9.5, 9.6: 1 MiB in writes of 64 to 2048 bytes', async () => {
  for (const opcode of [TEXT, BINARY])
    for (let chop = 64; chop <= 2048; chop *= 2)
      await echoes(frame(opcode, text(MIB)), [[opcode, text(MIB)]], { chop });
});

test('9.7, 9.8: a thousand messages, each answered before the next', async () => {
  for (const opcode of [TEXT, BINARY])
    for (const n of [0, 16, 64, 256, 1024, 4096]) {
      const client = await Client.open();
      for (let i = 1; i <= 1000; i++) {
        await client.write(frame(opcode, text(n)));
        await client.until(i);
      }
      await client.write(frame(CLOSE, code(1000)));
      await client.ended;
      equal(client, [...Array.from({ length: 1000 }, () => [opcode, text(n)]), [CLOSE, code(1000)]]);
    }
});

test('10.1: 64 KiB in fragments of 1300 bytes', async () => {
  await echoes(fragments(TEXT, text(65536), 1300), [[TEXT, text(65536)]]);
});

test('a frame that is not masked, and a length longer than need be', async () => {
  await fails(Buffer.from([0x81, 1, 0x61]), [], PROTOCOL);
  const key = Buffer.alloc(4);
  await fails(Buffer.concat([Buffer.from([0x81, 0xfe, 0, 1]), key, Buffer.from('a')]), [], PROTOCOL);
  await fails(Buffer.concat([Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 1]), key, Buffer.from('a')]), [], PROTOCOL);
  await fails(Buffer.concat([Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1]), key, Buffer.from('a')]), [], PROTOCOL);
});
