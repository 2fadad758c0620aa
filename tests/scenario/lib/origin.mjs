// An origin of files that misbehaves on command. What a path answers is a
// function of the request; what was asked and how much of it was sent is
// kept, so that a test can tell what was fetched twice.
import crypto from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { sleep } from './hearth.mjs';

// Bytes that no two offsets share for long, from a fixed seed.
export function bytesOf(seed, n) {
  const key = crypto.createHash('sha256').update(`origin ${seed}`).digest();
  return crypto.createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(n));
}

export function sha256(bytes) {
  return crypto.createHash('sha256').update(bytes).digest('hex');
}

// "bytes=A-B" of a request as {first, last}, or null.
function rangeOf(headers, size) {
  const match = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '');
  if (!match) return null;
  const last = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  return { first: Number(match[1]), last };
}

export class Origin {
  static async start() {
    const origin = new Origin();
    origin.paths = new Map();
    origin.log = [];
    origin.server = http.createServer((req, res) => {
      origin.answer(req, res).catch(() => req.socket.destroy());
    });
    origin.server.keepAliveTimeout = 60000;
    origin.server.listen(0, '127.0.0.1');
    await once(origin.server, 'listening');
    origin.port = origin.server.address().port;
    return origin;
  }

  // As allow_http wants it.
  get places() {
    return [`127.0.0.1:${this.port}`, `localhost:${this.port}`];
  }

  url(path, host = '127.0.0.1') {
    return `http://${host}:${this.port}${path}`;
  }

  // `rule` is given {n, headers, url} (n: how often this path was asked, from
  // 1) and gives an answer:
  //   status, headers, body     what is sent; a body has its length announced
  //   isChunked                 ... unless it has not
  //   cutAt                     bytes of the body, then the connection ends
  //   stallAt                   bytes of the body, then nothing more
  //   isSilent                  not even a head
  //   pace: {bytes, ms}         so much at a time
  on(path, rule) {
    this.paths.set(path, { rule, n: 0, n_open: 0, most: 0 });
    return this.url(path);
  }

  // A file that is served as it should be.
  file(path, bytes, options = {}) {
    return this.on(path, (ask) => Origin.serve(ask, bytes, options));
  }

  // The right answer to a request for these bytes.
  static serve(ask, bytes, { etag, isRanged = true, ...more } = {}) {
    const headers = { 'Content-Type': 'application/octet-stream', ...(etag ? { ETag: etag } : {}) };
    const range = isRanged ? rangeOf(ask.headers, bytes.length) : null;
    if (range === null) return { status: 200, headers, body: bytes, ...more };
    if (range.first >= bytes.length)
      return { status: 416, headers: { 'Content-Range': `bytes */${bytes.length}` }, body: Buffer.alloc(0) };
    headers['Content-Range'] = `bytes ${range.first}-${range.last}/${bytes.length}`;
    return { status: 206, headers, body: bytes.subarray(range.first, range.last + 1), ...more };
  }

  // The part of Hugging Face's API that a download asks for: one repository
  // with files {path: {bytes, sha256?, size?}}, whose bytes are served by
  // rules on `/ID/resolve/COMMIT/PATH`.
  hub(id, files) {
    const commit = sha256(id).slice(0, 40);
    const json = (value) => () => ({ status: 200, headers: { 'Content-Type': 'application/json' },
                                     body: Buffer.from(JSON.stringify(value)) });
    const tree = Object.entries(files).map(([path, file]) => {
      const size = file.size ?? file.bytes.length;
      return { type: 'file', path, size, oid: sha256(path).slice(0, 40),
               lfs: { oid: file.sha256 ?? sha256(file.bytes), size, pointerSize: 134 } };
    });
    this.on(`/api/models/${id}/revision/main`, json({ id, sha: commit, gated: false, siblings: [] }));
    this.on(`/api/models/${id}/tree/${commit}`, json(tree));
    for (const [path, file] of Object.entries(files))
      this.on(`/${id}/resolve/${commit}/${path}`,
              file.rule ?? ((ask) => Origin.serve(ask, file.bytes)));
    return commit;
  }

  asked(path) {
    return this.log.filter((entry) => entry.path === path);
  }

  // How many answers of this path were under way at once.
  most(path) {
    return this.paths.get(path).most;
  }

  // Bytes of bodies that left for this path.
  sent(path) {
    return this.asked(path).reduce((sum, entry) => sum + entry.sent, 0);
  }

  async answer(req, res) {
    const path = req.url.split('?')[0];
    const place = this.paths.get(path);
    const entry = { path, url: req.url, method: req.method, headers: req.headers, at: Date.now(), sent: 0 };
    this.log.push(entry);
    if (!place) {
      res.writeHead(404).end();
      return;
    }
    place.n += 1;
    place.most = Math.max(place.most, ++place.n_open);
    entry.end = () => { place.n_open -= 1; entry.end = () => {}; };
    res.on('close', () => entry.end());
    const answer = await place.rule({ n: place.n, headers: req.headers, url: req.url });
    if (answer.isSilent) return;
    entry.status = answer.status;
    const { body } = answer;
    res.writeHead(answer.status, {
      ...(answer.isChunked ? {} : { 'Content-Length': body.length }), ...answer.headers });
    res.flushHeaders();
    await this.send(res, entry, answer);
  }

  async send(res, entry, { body, cutAt, stallAt, pace }) {
    const most = Math.min(body.length, cutAt ?? Infinity, stallAt ?? Infinity);
    const step = pace?.bytes ?? 256 * 1024;
    res.setMaxListeners(0); // one for each wait
    for (let at = 0; at < most && !res.destroyed; at += step) {
      const piece = body.subarray(at, Math.min(at + step, most));
      const isTaken = res.write(piece);
      entry.sent += piece.length;
      if (at + step >= most) entry.end(); // whoever has it all may ask again
      if (!isTaken)
        await Promise.race([once(res, 'drain'), once(res, 'close')]);
      if (pace) await sleep(pace.ms);
    }
    if (stallAt !== undefined && most < body.length) return;
    if (cutAt !== undefined) {
      // What was written leaves before the end does.
      await new Promise((resolve) => { res.write('', resolve); });
      await sleep(20);
      res.socket?.destroy();
      return;
    }
    res.end();
  }

  async close() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
