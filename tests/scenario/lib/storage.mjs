// What the fake hubs stand on: small servers that keep what they were asked,
// and the object storage that signed addresses lead to.
import crypto from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import zlib from 'node:zlib';

export const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');
// What git calls a blob of these bytes.
export const gitSha1 = (bytes) =>
  crypto.createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

export function reply(res, status, value, headers = {}) {
  const body = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  res.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8',
                          'Content-Length': body.length, ...headers });
  res.end(body);
}

// A file as a web server gives it: whole, or the range that is asked for.
// `pace`: { bytes, ms }, so many at a time with a rest in between.
export function serve(req, res, bytes, headers = {}, pace = null) {
  const match = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? '');
  const first = match ? Number(match[1]) : 0;
  const last = match && match[2] !== '' ? Math.min(Number(match[2]), bytes.length - 1) : bytes.length - 1;
  if (match && first >= bytes.length) {
    res.writeHead(416, { 'Content-Range': `bytes */${bytes.length}`, 'Content-Length': 0 }).end();
    return;
  }
  const body = bytes.subarray(first, last + 1);
  res.writeHead(match ? 206 : 200, {
    'Content-Type': 'application/octet-stream', 'Accept-Ranges': 'bytes', 'Content-Length': body.length,
    ...(match ? { 'Content-Range': `bytes ${first}-${last}/${bytes.length}` } : {}), ...headers });
  if (pace && req.method !== 'HEAD') trickle(res, body, pace);
  else res.end(req.method === 'HEAD' ? undefined : body);
}

async function trickle(res, body, { bytes, ms }) {
  for (let at = 0; at < body.length && !res.destroyed; at += bytes) {
    res.write(body.subarray(at, at + bytes));
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
  res.end();
}

// Text that is squeezed, without a length, unless it is asked for as it is.
export function serveText(req, res, bytes, etag) {
  if ((req.headers['accept-encoding'] ?? '') === 'identity') {
    serve(req, res, bytes, { 'Content-Type': 'text/plain; charset=utf-8', ETag: `"${etag}"` });
    return;
  }
  res.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Encoding': 'gzip',
                       ETag: `W/"${etag}"` });
  res.end(zlib.gzipSync(bytes));
}

// `answer(req, res, url)` for each request; all of them are in `log`.
export class Server {
  static async start(answer) {
    const server = new Server();
    server.log = [];
    server.http = http.createServer((req, res) => {
      const url = new URL(req.url, server.url);
      server.log.push({ method: req.method, path: url.pathname, query: url.searchParams,
                        headers: req.headers });
      req.resume();
      answer(req, res, url);
    });
    server.http.listen(0, '127.0.0.1');
    await once(server.http, 'listening');
    server.place = `127.0.0.1:${server.http.address().port}`;
    server.url = `http://${server.place}`;
    return server;
  }

  asked(path) {
    return this.log.filter((entry) => entry.path === path);
  }

  async close() {
    this.http.closeAllConnections();
    this.http.close();
    await once(this.http, 'close');
  }
}

// Signed addresses of objects: GET only, and nobody who shows a credential
// is let in. `pace` slows every one of them.
export class Storage {
  static async start() {
    const storage = new Storage();
    storage.objects = new Map();
    storage.pace = null;
    storage.server = await Server.start((req, res, url) => storage.answer(req, res, url));
    return storage;
  }

  put(bytes, headers = {}) {
    const key = `/objects/${this.objects.size}?X-Signature=${crypto.randomBytes(8).toString('hex')}`;
    this.objects.set(key, { bytes, headers });
    return `${this.server.url}${key}`;
  }

  answer(req, res, url) {
    const object = this.objects.get(url.pathname + url.search);
    const xml = (status, code) => reply(res, status, `<Error><Code>${code}</Code></Error>`,
                                        { 'Content-Type': 'application/xml' });
    if (req.headers.authorization) xml(400, 'InvalidArgument');
    else if (!object || req.method !== 'GET') xml(403, 'SignatureDoesNotMatch');
    else serve(req, res, object.bytes, { ETag: '"5d41402abc4b2a76b9719d911017c592-3"', ...object.headers },
               this.pace);
  }

  close() {
    return this.server.close();
  }
}
