// Downloads from an origin that misbehaves in every way that is known of
// origins: each way has its rule, and its test here. They wait more than they
// work, so they run side by side against one daemon.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { config, ended, fails, fetches, follow, leftovers, order, withMount } from './lib/downloads.mjs';
import { Hearth } from './lib/hearth.mjs';
import { Origin, bytesOf, sha256 } from './lib/origin.mjs';

const MIB = 1024 * 1024;
const PIECE = 4 * MIB; // of a file that is asked for in parts
const { serve } = Origin;
let hearth, origin, other;

before(async () => {
  origin = await Origin.start();
  other = await Origin.start();
  hearth = await Hearth.start({ config: config([origin, other],
    '  max_concurrent: 32\n  stall_timeout_s: 2\n') });
});
after(async () => {
  await hearth?.stop();
  await origin?.close();
  await other?.close();
});

const isRanged = (ask) => ask.headers.range !== undefined && !ask.headers.range.startsWith('bytes=0-');

describe('an origin that misbehaves', { concurrency: 32 }, () => {
  // ---- ranges ----

  test('ranges are ignored', async () => {
    const bytes = bytesOf('ignored', 9 * MIB);
    const url = origin.file('/ignored', bytes, { isRanged: false });
    await fetches(hearth, url, 'ignored.bin', bytes);
    assert.equal(origin.sent('/ignored'), bytes.length);
  });

  test('ranges are ignored from the middle on', async () => {
    const bytes = bytesOf('ignored later', 9 * MIB);
    const url = origin.on('/ignored-later', (ask) => serve(ask, bytes, { isRanged: ask.n === 1 }));
    await fetches(hearth, url, 'ignored-later.bin', bytes);
  });

  test('416 for an empty file', async () => {
    await fetches(hearth, origin.file('/empty', Buffer.alloc(0)), 'empty.bin', Buffer.alloc(0));
  });

  test('416 where bytes should be, once', async () => {
    const bytes = bytesOf('416 once', 9 * MIB);
    let n = 0;
    const url = origin.on('/416-once', (ask) => isRanged(ask) && n++ === 0
      ? { status: 416, headers: { 'Content-Range': `bytes */${PIECE}` }, body: Buffer.alloc(0) }
      : serve(ask, bytes));
    await fetches(hearth, url, '416-once.bin', bytes);
  });

  test('416 where bytes should be, always', async () => {
    const bytes = bytesOf('416', 9 * MIB);
    const url = origin.on('/416', (ask) => isRanged(ask)
      ? { status: 416, headers: {}, body: Buffer.alloc(0) } : serve(ask, bytes));
    await fails(hearth, url, '416.bin', /file ends at/);
  });

  const shifted = (ask, bytes) => {
    const answer = serve(ask, bytes);
    const [, first, last] = /(\d+)-(\d+)/.exec(answer.headers['Content-Range']);
    answer.headers['Content-Range'] = `bytes ${Number(first) + 1}-${last}/${bytes.length}`;
    return answer;
  };

  test('Content-Range of other bytes, once', async () => {
    const bytes = bytesOf('shifted once', 9 * MIB);
    let n = 0;
    const url = origin.on('/shifted-once', (ask) =>
      isRanged(ask) && n++ === 0 ? shifted(ask, bytes) : serve(ask, bytes));
    await fetches(hearth, url, 'shifted-once.bin', bytes);
  });

  test('Content-Range of other bytes, always: taken whole', async () => {
    const bytes = bytesOf('shifted', 9 * MIB);
    const url = origin.on('/shifted', (ask) => isRanged(ask) ? shifted(ask, bytes) : serve(ask, bytes));
    await fetches(hearth, url, 'shifted.bin', bytes);
    // One of the cancelled questions may be read after it: they came over other sockets.
    assert.equal(origin.asked('/shifted').filter((ask) => ask.headers.range === undefined).length, 1);
  });

  test('Content-Range is missing', async () => {
    const bytes = bytesOf('unnamed', 9 * MIB);
    const url = origin.on('/unnamed', (ask) => {
      const answer = serve(ask, bytes);
      delete answer.headers['Content-Range'];
      return answer;
    });
    await fetches(hearth, url, 'unnamed.bin', bytes);
  });

  test('a part is shorter than asked for', async () => {
    const bytes = bytesOf('shorter', 9 * MIB);
    const url = origin.on('/shorter', (ask) => {
      // Never more than was asked for: a part may end anywhere.
      const [, first = 0, last] = /=(\d+)-(\d*)/.exec(ask.headers.range) ?? [];
      const end = Math.min(Number(first) + MIB - 1, Number(last || bytes.length - 1));
      return serve({ headers: { range: `bytes=${first}-${end}` } }, bytes);
    });
    await fetches(hearth, url, 'shorter.bin', bytes);
    assert.equal(origin.sent('/shorter'), bytes.length);
  });

  test('a part without length ends early', async () => {
    const bytes = bytesOf('early', 9 * MIB);
    const url = origin.on('/early', (ask) => {
      const answer = serve(ask, bytes);
      return ask.n % 2 === 1 && ask.n < 6
        ? { ...answer, body: answer.body.subarray(0, MIB), isChunked: true } : answer;
    });
    await fetches(hearth, url, 'early.bin', bytes);
  });

  test('parts without length hold nothing, for ever', async () => {
    const bytes = bytesOf('nothing', 9 * MIB);
    const url = origin.on('/nothing', (ask) =>
      ({ ...serve(ask, bytes), body: Buffer.alloc(0), isChunked: true }));
    await fails(hearth, url, 'nothing.bin', /ended|short/);
    assert.ok(origin.asked('/nothing').length < 12, `asked ${origin.asked('/nothing').length} times`);
  });

  // ---- versions ----

  test('another ETag in the middle', async () => {
    const one = bytesOf('one', 9 * MIB), two = bytesOf('two', 9 * MIB);
    const url = origin.on('/etag', (ask) => ask.n <= 2
      ? serve(ask, one, { etag: '"one"' }) : serve(ask, two, { etag: '"two"' }));
    await fetches(hearth, url, 'etag.bin', two);
  });

  test('another length in the middle', async () => {
    const one = bytesOf('short one', 9 * MIB), two = bytesOf('long two', 10 * MIB);
    const url = origin.on('/length', (ask) => serve(ask, ask.n <= 2 ? one : two));
    await fetches(hearth, url, 'length.bin', two);
  });

  test('another version with every answer', async () => {
    const bytes = bytesOf('restless', 9 * MIB);
    const url = origin.on('/restless', (ask) => serve(ask, bytes, { etag: `"${ask.n}"` }));
    await fails(hearth, url, 'restless.bin', /changes at its origin/);
  });

  test('another length than the hub announced', async () => {
    const bytes = bytesOf('announced', MIB);
    origin.hub('org/announced', { 'model.bin': { bytes, size: MIB + 1 } });
    const target = path.join(hearth.models, 'announced');
    const { task_id } = await order(hearth, { model_id: 'org/announced', target });
    const task = await ended(hearth, task_id, { file: path.join(target, 'model.bin') });
    assert.equal(task.status, 'failed');
    assert.match(task.error.message, /1048576 bytes where 1048577 were announced/);
  });

  test('an end before the announced length, unnoticeable on the wire', async () => {
    const bytes = bytesOf('quiet', MIB);
    origin.hub('org/quiet', { 'model.bin': { bytes, rule: (ask) =>
      ({ ...serve(ask, bytes), status: 200, isChunked: true,
         body: ask.n === 1 ? bytes.subarray(0, 1000) : bytes }) } });
    const target = path.join(hearth.models, 'quiet'), file = path.join(target, 'model.bin');
    const { task_id } = await order(hearth, { model_id: 'org/quiet', target });
    const task = await ended(hearth, task_id, { file, bytes });
    assert.equal(task.status, 'completed', JSON.stringify(task.error));
  });

  // ---- broken bodies ----

  const cuts = [0, 1, 4095, 16 * 1024, 16 * 1024 + 1, MIB, PIECE - 1];
  for (const at of cuts)
    test(`a part is cut after ${at} bytes`, async () => {
      const bytes = bytesOf(`cut ${at}`, 9 * MIB);
      const url = origin.on(`/cut-${at}`, (ask) =>
        serve(ask, bytes, ask.n === 1 || ask.n === 3 ? { cutAt: at } : {}));
      await fetches(hearth, url, `cut-${at}.bin`, bytes);
      // What had come was kept.
      assert.ok(origin.sent(`/cut-${at}`) <= bytes.length + MIB, `${origin.sent(`/cut-${at}`)} sent`);
    });

  for (const at of [0, 1, MIB, 5 * MIB - 1])
    test(`a body without ranges is cut after ${at} bytes`, async () => {
      const bytes = bytesOf(`whole ${at}`, 5 * MIB);
      const url = origin.on(`/whole-${at}`, (ask) =>
        serve(ask, bytes, { isRanged: false, ...(ask.n === 1 ? { cutAt: at } : {}) }));
      await fetches(hearth, url, `whole-${at}.bin`, bytes);
    });

  for (const at of [0, 1, MIB])
    test(`a body without length is cut after ${at} bytes`, async () => {
      const bytes = bytesOf(`chunked ${at}`, 3 * MIB);
      const url = origin.on(`/chunked-${at}`, (ask) =>
        serve(ask, bytes, { isRanged: false, isChunked: true, ...(ask.n === 1 ? { cutAt: at } : {}) }));
      await fetches(hearth, url, `chunked-${at}.bin`, bytes);
    });

  test('a body without length', async () => {
    const bytes = bytesOf('lengthless', 6 * MIB + 7);
    const url = origin.file('/lengthless', bytes, { isRanged: false, isChunked: true });
    await fetches(hearth, url, 'lengthless.bin', bytes);
  });

  test('the connection ends before an answer', async () => {
    const bytes = bytesOf('headless', MIB);
    const url = origin.on('/headless', (ask) => {
      if (ask.n === 1) throw new Error('no answer');
      return serve(ask, bytes);
    });
    await fetches(hearth, url, 'headless.bin', bytes);
  });

  test('no first byte, for ever', async () => {
    const url = origin.on('/silent', () => ({ isSilent: true }));
    await fails(hearth, url, 'silent.bin', /no byte|seconds|stall|time/i, { ms: 100000 });
  });

  test('a body stalls again and again, but moves on', async () => {
    const bytes = bytesOf('stalls', 3 * MIB);
    const url = origin.on('/stalls', (ask) => serve(ask, bytes, ask.n <= 3 ? { stallAt: 700000 } : {}));
    await fetches(hearth, url, 'stalls.bin', bytes);
    assert.ok(origin.sent('/stalls') <= bytes.length + MIB);
  });

  test('one byte a second', async () => {
    const bytes = bytesOf('slow', 6);
    const url = origin.file('/slow', bytes, { pace: { bytes: 1, ms: 1000 } });
    await fetches(hearth, url, 'slow.bin', bytes);
    assert.equal(origin.asked('/slow').length, 1);
  });

  // ---- refusals ----

  const waits = [[429, () => '2'], [503, () => '2'],
                 [503, () => new Date(Date.now() + 3000).toUTCString()]];
  waits.forEach(([status, after_], i) =>
    test(`${status} with Retry-After, ${i}`, async () => {
      const bytes = bytesOf(`wait ${i}`, 1000);
      const url = origin.on(`/wait-${i}`, (ask) => ask.n === 1
        ? { status, headers: { 'Retry-After': after_() }, body: Buffer.from('later') } : serve(ask, bytes));
      await fetches(hearth, url, `wait-${i}.bin`, bytes);
      const [first, second] = origin.asked(`/wait-${i}`);
      assert.ok(second.at - first.at >= 1900, `asked again after ${second.at - first.at} ms`);
    }));

  const codes = { 401: 'unauthorized', 403: 'forbidden', 404: 'not_found' };
  for (const status of [401, 403, 404]) {
    test(`${status} with HTML`, async () => {
      const url = origin.on(`/html-${status}`, () => ({ status, headers: { 'Content-Type': 'text/html' },
        body: Buffer.from('<html><body>You shall not pass</body></html>') }));
      const task = await fails(hearth, url, `html-${status}.bin`, new RegExp(`answers ${status}`));
      assert.doesNotMatch(task.error.message, /</);
      assert.equal(task.error.code, codes[status]);
      assert.equal(origin.asked(`/html-${status}`).length, 1);
    });
    test(`${status} with JSON`, async () => {
      const url = origin.on(`/json-${status}`, () => ({ status, headers: { 'Content-Type': 'application/json' },
        body: Buffer.from('{"error":{"message":"accept the terms first"}}') }));
      await fails(hearth, url, `json-${status}.bin`, new RegExp(`${status}: accept the terms first`));
      assert.equal(origin.asked(`/json-${status}`).length, 1);
    });
  }

  test('a web page with status 200', async () => {
    const url = origin.on('/portal', () => ({ status: 200, headers: { 'Content-Type': 'text/html; charset=utf-8' },
      body: Buffer.from('<html>log in</html>') }));
    await fails(hearth, url, 'portal.bin', /web page/);
  });

  test('JSON with status 200', async () => {
    const url = origin.on('/oops', () => ({ status: 200, headers: { 'Content-Type': 'application/json' },
      body: Buffer.from('{"error":"oops"}') }));
    await fails(hearth, url, 'oops.safetensors', /JSON/);
  });

  test('a file that does not begin as its kind does', async () => {
    await fails(hearth, origin.file('/fake', bytesOf('fake', 1000)), 'fake.gguf', /does not begin/);
  });

  // ---- redirects ----

  for (const [name, there] of [['port', () => other.url('/there-port')],
                               ['host', () => origin.url('/there-host', 'localhost')]])
    test(`a redirect to another ${name} does not get the credential`, async () => {
      const bytes = bytesOf(`there ${name}`, 9 * MIB);
      const target = name === 'port' ? other : origin;
      target.file(`/there-${name}`, bytes);
      const url = origin.on(`/from-${name}`, () =>
        ({ status: 302, headers: { Location: there() }, body: Buffer.from('moved') }));
      await fetches(hearth, url, `there-${name}.bin`, bytes, { token: 'sesame-1234' });
      for (const entry of origin.asked(`/from-${name}`))
        assert.equal(entry.headers.authorization, 'Bearer sesame-1234');
      assert.ok(target.asked(`/there-${name}`).length > 1);
      for (const entry of target.asked(`/there-${name}`))
        assert.ok(!JSON.stringify(entry).includes('sesame'), JSON.stringify(entry));
      assert.ok(!hearth.output().includes('sesame'));
    });

  test('a redirect within the origin keeps the credential', async () => {
    const bytes = bytesOf('within', 1000);
    origin.file('/within-there', bytes);
    const url = origin.on('/within', () =>
      ({ status: 307, headers: { Location: '/within-there' }, body: Buffer.alloc(0) }));
    await fetches(hearth, url, 'within.bin', bytes, { token: 'sesame-1234' });
    assert.equal(origin.asked('/within-there')[0].headers.authorization, 'Bearer sesame-1234');
  });

  test('a redirect to an address that is not allowed', async () => {
    const url = origin.on('/inside', () =>
      ({ status: 302, headers: { Location: 'http://127.0.0.2:80/x' }, body: Buffer.alloc(0) }));
    await fails(hearth, url, 'inside.bin', /allow_http/);
    assert.equal(origin.asked('/inside').length, 1);
  });

  test('redirects in a loop', async () => {
    const url = origin.on('/loop', () =>
      ({ status: 302, headers: { Location: '/loop' }, body: Buffer.alloc(0) }));
    const task = await fails(hearth, url, 'loop.bin', /^127\.0\.0\.1: more than 10 redirects/);
    assert.equal(task.error.code, 'redirect_loop');
    assert.equal(origin.asked('/loop').length, 11); // the first and ten more: nothing is tried again
  });

  test('a signed address that expires is asked for again', async () => {
    const bytes = bytesOf('signed', 9 * MIB);
    let signature = 0;
    const used = new Set();
    const url = origin.on('/signed', () =>
      ({ status: 302, headers: { Location: other.url(`/storage?signature=${++signature}`) }, body: Buffer.alloc(0) }));
    other.on('/storage', (ask) => {
      const given = Number(new URL(ask.url, 'http://x').searchParams.get('signature'));
      // The second and third have expired; none is good twice.
      if (given === 2 || given === 3 || used.has(given))
        return { status: 403, headers: { 'Content-Type': 'application/xml' },
                 body: Buffer.from('<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>') };
      used.add(given);
      return serve(ask, bytes, given === 1 ? { cutAt: MIB } : {});
    });
    await fetches(hearth, url, 'signed.bin', bytes);
    assert.ok(signature > 3);
  });

  // ---- contents ----

  test('a content encoding', async () => {
    const bytes = gzipSync(bytesOf('zipped', 1000));
    const url = origin.on('/zipped', (ask) => {
      const answer = serve(ask, bytes);
      answer.headers['Content-Encoding'] = 'gzip';
      return answer;
    });
    await fails(hearth, url, 'zipped.bin', /content encoding/);
    assert.equal(origin.asked('/zipped')[0].headers['accept-encoding'], 'identity');
  });

  test('a wrong hash, once', async () => {
    const bytes = bytesOf('right', 9 * MIB), wrong = bytesOf('wrong', 9 * MIB);
    let isSpoilt = true;
    origin.hub('org/spoilt', { 'model.bin': { bytes, rule: (ask) => {
      if (!isSpoilt || !isRanged(ask)) return serve(ask, bytes);
      isSpoilt = false;
      return serve(ask, wrong);
    } } });
    const target = path.join(hearth.models, 'spoilt'), file = path.join(target, 'model.bin');
    const { task_id } = await order(hearth, { model_id: 'org/spoilt', target });
    const task = await ended(hearth, task_id, { file, bytes });
    assert.equal(task.status, 'completed', JSON.stringify(task.error));
    assert.equal(task.files[0].sha256, sha256(bytes));
    assert.ok(!isSpoilt);
  });

  test('a wrong hash, always', async () => {
    const bytes = bytesOf('false', MIB);
    origin.hub('org/false', { 'model.bin': { bytes, sha256: 'ab'.repeat(32) } });
    const target = path.join(hearth.models, 'false'), file = path.join(target, 'model.bin');
    const { task_id } = await order(hearth, { model_id: 'org/false', target });
    const task = await ended(hearth, task_id, { file });
    assert.equal(task.status, 'failed');
    assert.match(task.error.message, new RegExp(`checksum is wrong: SHA-256 (ab){32} was announced, ${sha256(bytes)} came`));
    assert.deepEqual(fs.readdirSync(target), []);
  });

  // ---- names and targets ----

  const names = { 'a way up': '../up.bin', 'an absolute path': '/tmp/absolute.bin', 'a control character': 'a\u0007b.bin',
                  'a line break': 'a\nb.bin', '300 characters': `${'x'.repeat(296)}.bin`,
                  '250 characters': `${'x'.repeat(246)}.bin`, 'two dots': '..',
                  'the ending of ours': 'x.bin.part' };
  for (const [what, filename] of Object.entries(names))
    test(`a file name with ${what}`, async () => {
      const url = origin.file('/named', bytesOf('named', 10));
      const answer = await hearth.api('POST', '/api/models/download', { url, filename });
      assert.equal(answer.status, 422, JSON.stringify(answer));
      assert.equal(answer.error.details[0].field, 'filename');
      assert.ok(!fs.existsSync(path.resolve(hearth.models, filename)) || filename === '..');
    });

  for (const last of ['..%2fup.bin', '%2ftmp%2fx.bin', 'a%00b.bin', 'a%0ab.bin', ''])
    test(`a URL that ends in "${last}"`, async () => {
      const answer = await hearth.api('POST', '/api/models/download', { url: origin.url(`/x/${last}`) });
      assert.equal(answer.status, 422, JSON.stringify(answer));
    });

  test('a target outside the model folders', async () => {
    const url = origin.file('/outside', bytesOf('outside', 10));
    fs.symlinkSync(hearth.dir, path.join(hearth.models, 'way-out'));
    for (const target of [hearth.dir, path.join(hearth.models, '..'), path.join(hearth.models, 'way-out', 'x'), 'models'])
      assert.equal((await hearth.api('POST', '/api/models/download', { url, target })).status, 422, target);
  });

  test('another task on the same target', async () => {
    const bytes = bytesOf('mine', 9 * MIB);
    const url = origin.file('/mine', bytes, { pace: { bytes: 512 * 1024, ms: 50 } });
    const file = path.join(hearth.models, 'mine.bin');
    const first = await order(hearth, { url, filename: 'mine.bin' });
    const again = await order(hearth, { url, filename: 'mine.bin' });
    assert.equal(again.is_new, false);
    assert.equal(again.task_id, first.task_id);
    const answer = await hearth.api('POST', '/api/models/download', { url: origin.url('/else'), filename: 'mine.bin' });
    assert.equal(answer.status, 409, JSON.stringify(answer));
    assert.equal((await ended(hearth, first.task_id, { file, bytes })).status, 'completed');
  });

  test('a file that is there already', async () => {
    const file = path.join(hearth.models, 'there.bin');
    fs.writeFileSync(file, 'precious');
    const { task_id } = await order(hearth, { url: origin.file('/there', bytesOf('there', 10)), filename: 'there.bin' });
    const task = await ended(hearth, task_id, { file, bytes: Buffer.from('precious') });
    assert.equal(task.status, 'failed');
    assert.equal(task.error.code, 'conflict');
    assert.match(task.error.message, /there\.bin is there already, and nothing says .* move it away, or choose another name/);
    assert.equal(fs.readFileSync(file, 'utf8'), 'precious');
  });
});

// ---- disks; each with a daemon of its own ----

test('a full disk', async (t) => {
  const bytes = bytesOf('full', 6 * MIB);
  const isDone = await withMount([origin, other], '3m', async (daemon, folder) => {
    const file = path.join(folder, 'full.bin');
    const known = origin.file('/full', bytes);
    let { task_id } = await order(daemon, { url: known, filename: 'full.bin', target: folder });
    let task = await ended(daemon, task_id, { file });
    assert.equal(task.status, 'failed');
    assert.match(task.error.message, /disk is full|disk has/);
    await daemon.api('POST', `/api/models/download/${task_id}/cancel`);
    await follow(daemon, task_id, (row) => row.status === 'cancelled' && leftovers(file).length === 0, { file });

    // Its length shows only when the disk is full.
    const unknown = origin.file('/full-unknown', bytes, { isRanged: false, isChunked: true });
    ({ task_id } = await order(daemon, { url: unknown, filename: 'full.bin', target: folder }));
    task = await ended(daemon, task_id, { file });
    assert.equal(task.status, 'failed');
    assert.match(task.error.message, /disk is full/);
    assert.equal(task.error.code, 'no_space');

    // With room it goes on.
    assert.equal(spawnSync('mount', ['-o', 'remount,size=32m', folder]).status, 0);
    await daemon.api('POST', `/api/models/download/${task_id}/retry`);
    task = await ended(daemon, task_id, { file, bytes });
    assert.equal(task.status, 'completed', JSON.stringify(task.error));
  });
  if (!isDone) t.skip('mounting is not allowed');
});

test('a limit on file sizes', async (t) => {
  const bytes = bytesOf('limit', 6 * MIB);
  const daemon = await Hearth.start({ config: config([origin, other]) });
  try {
    if (spawnSync('prlimit', ['--pid', String(daemon.pid), `--fsize=${3 * MIB}`]).status !== 0) {
      t.skip('prlimit is not there');
      return;
    }
    await fails(daemon, origin.file('/limit', bytes), 'limit.bin', /may not be so large/);
    await fails(daemon, origin.file('/limit-unknown', bytes, { isRanged: false, isChunked: true }),
                'limit-unknown.bin', /may not be so large/);
    origin.hub('org/limit', { 'limit.bin': { bytes } });
    const { task_id } = await order(daemon, { model_id: 'org/limit', files: ['limit.bin'],
                                              target: path.join(daemon.models, 'limit') });
    assert.match((await ended(daemon, task_id)).error.message, /may not be so large/);
    assert.equal((await daemon.request('GET', '/health')).status, 200);
  } finally {
    await daemon.stop();
  }
});

test('a target that cannot be written', async (t) => {
  const url = origin.file('/readonly', bytesOf('readonly', 1000));
  const isDone = await withMount([origin, other], '3m', async (daemon, folder) => {
    assert.equal(spawnSync('mount', ['-o', 'remount,ro', folder]).status, 0);
    const { task_id } = await order(daemon, { url, filename: 'x.bin', target: folder });
    const task = await ended(daemon, task_id, { file: path.join(folder, 'x.bin') });
    assert.equal(task.status, 'failed');
    assert.match(task.error.message, /[Rr]ead-only/);
  });
  if (isDone) return;
  if (process.getuid() === 0) {
    t.skip('mounting is not allowed');
    return;
  }
  const daemon = await Hearth.start({ config: config([origin, other]) });
  const folder = path.join(daemon.models, 'closed');
  fs.mkdirSync(folder, { mode: 0o555 });
  const { task_id } = await order(daemon, { url, filename: 'x.bin', target: folder });
  const task = await ended(daemon, task_id);
  await daemon.stop();
  assert.equal(task.status, 'failed');
  assert.match(task.error.message, /[Pp]ermission/);
});

test('two daemons on one target', async () => {
  const bytes = bytesOf('shared', 9 * MIB);
  const url = origin.file('/shared', bytes, { pace: { bytes: 256 * 1024, ms: 100 } });
  const file = path.join(hearth.models, 'shared.bin');
  const daemon = await Hearth.start({ config:
    config([origin, other], `  dir: ${JSON.stringify(hearth.models)}\n`) });
  try {
    const first = await order(hearth, { url, filename: 'shared.bin' });
    await follow(hearth, first.task_id, (task) => task.downloaded_bytes > 0);
    const second = await order(daemon, { url, filename: 'shared.bin' });
    const task = await ended(daemon, second.task_id, { file, bytes });
    assert.equal(task.status, 'failed');
    assert.match(task.error.message, /another download writes/);
    await daemon.api('POST', `/api/models/download/${second.task_id}/cancel`);
    await ended(daemon, second.task_id, { file, bytes });
    assert.ok(leftovers(file).includes('shared.bin.part'), 'the other one lost its part');
    assert.equal((await ended(hearth, first.task_id, { file, bytes })).status, 'completed');
    assert.deepEqual(leftovers(file), []);
  } finally {
    await daemon.stop();
  }
});
