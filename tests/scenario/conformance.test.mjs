// What `hearth serve --conformance` adds for the public test suites, and that
// it is not there otherwise. The steps are those of the suites' WebSocket parts.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { Hearth } from './lib/hearth.mjs';

let hearth, plain;
before(async () => {
  const config = 'socketio.recovery_ms: 0\nsocketio.max_payload_bytes: 1000000\n';
  [hearth, plain] = await Promise.all([
    Hearth.start({ config, args: ['--conformance'] }), Hearth.start()]);
});
after(() => Promise.all([hearth.stop(), plain.stop()]));

class Wire {
  static async open(path, daemon = hearth) {
    const wire = new Wire();
    wire.ws = new WebSocket(`ws://127.0.0.1:${daemon.port}${path}`);
    wire.queue = [];
    wire.ws.on('message', (data, isBinary) => {
      wire.queue.push(isBinary ? data : data.toString());
      wire.wake?.();
    });
    wire.closed = new Promise((resolve) => wire.ws.on('close', resolve));
    await once(wire.ws, 'open');
    return wire;
  }

  async next() {
    while (!this.queue.length) await new Promise((resolve) => { this.wake = resolve; });
    return this.queue.shift();
  }

  send(...messages) { messages.forEach((message) => this.ws.send(message)); }
}

for (const path of ['/socket.io/', '/llamaproxws/']) {
  const open = async () => {
    const wire = await Wire.open(`${path}?EIO=4&transport=websocket`);
    assert.equal((await wire.next())[0], '0');
    return wire;
  };

  test(`${path}: joining, with and without a payload, two namespaces`, async () => {
    for (const [message, prefix, auth] of [
      ['40', '40', '42["auth",{}]'], ['40{"token":"123"}', '40', '42["auth",{"token":"123"}]'],
      ['40/custom,', '40/custom,', '42/custom,["auth",{}]'],
      ['40/custom,{"token":"abc"}', '40/custom,', '42/custom,["auth",{"token":"abc"}]'],
    ]) {
      const wire = await open();
      wire.send(message);
      const joined = await wire.next();
      assert.ok(joined.startsWith(prefix), joined);
      assert.deepEqual(Object.keys(JSON.parse(joined.slice(prefix.length))), ['sid']);
      assert.equal(await wire.next(), auth);
      wire.ws.close();
    }
    const wire = await open();
    wire.send('40/random');
    assert.equal(await wire.next(), '44/random,{"message":"Invalid namespace"}');
    wire.send('4abc');
    await wire.closed;
  });

  test(`${path}: messages come back, binary ones and acknowledgements too`, async () => {
    const wire = await open();
    wire.send('40');
    await wire.next();
    await wire.next();
    wire.send('42["message",1,"2",{"3":[true]}]');
    assert.equal(await wire.next(), '42["message-back",1,"2",{"3":[true]}]');
    wire.send('42456["message-with-ack",1,"2",{"3":[false]}]');
    assert.equal(await wire.next(), '43456[1,"2",{"3":[false]}]');
    const two = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
    for (const [message, answer] of [
      [`452-["message",${two}]`, `452-["message-back",${two}]`],
      [`452-789["message-with-ack",${two}]`, `462-789[${two}]`],
    ]) {
      wire.send(message, Buffer.from([1, 2, 3]), Buffer.from([4, 5]));
      assert.equal(await wire.next(), answer);
      assert.deepEqual(await wire.next(), Buffer.from([1, 2, 3]));
      assert.deepEqual(await wire.next(), Buffer.from([4, 5]));
    }
    wire.send('40/custom');
    await wire.next();
    await wire.next();
    wire.send('41/custom', '42["message","still here"]');
    assert.equal(await wire.next(), '42["message-back","still here"]');
    wire.send('42/custom,["message"]');
    await wire.closed;
  });
}

test('/engine.io/: text and bytes come back, other packets close', async () => {
  const wire = await Wire.open('/engine.io/?EIO=4&transport=websocket');
  assert.equal((await wire.next())[0], '0');
  wire.send('4hello', Buffer.from([1, 2, 3]));
  assert.equal(await wire.next(), '4hello');
  assert.deepEqual(await wire.next(), Buffer.from([1, 2, 3]));
  wire.send('abc');
  await wire.closed;
});

test('/ws/echo: text and bytes come back, of any length', async () => {
  const wire = await Wire.open('/ws/echo');
  for (const message of ['', 'a', 'ä'.repeat(100000), Buffer.alloc(300000, 7)]) {
    wire.send(message);
    assert.deepEqual(await wire.next(), message);
  }
  wire.ws.close();
  assert.equal(await wire.closed, 1005);
});

test('none of it is there unless it is asked for', async () => {
  for (const path of ['/socket.io/?EIO=4&transport=websocket', '/engine.io/?EIO=4&transport=websocket', '/ws/echo'])
    await assert.rejects(Wire.open(path, plain), /404/);
  const wire = await Wire.open('/llamaproxws/?EIO=4&transport=websocket', plain);
  await wire.next();
  wire.send('40/custom,');
  assert.match(await wire.next(), /^44\/custom,/);
  wire.ws.close();
});
