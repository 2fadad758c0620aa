// What an engine sends and receives, in the hands of the test. A request is
// played by the part that its field X-Part names: a function of the request
// as it came and of the raw socket.
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';

export const WIRE = fileURLToPath(new URL('wire.mjs', import.meta.url));

// Where the request that begins at 0 ends, or -1: not yet.
function endOf(bytes, headEnd, head) {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) {
    const end = headEnd + Number(length?.[1] ?? 0);
    return bytes.length >= end ? end : -1;
  }
  for (let at = headEnd; ;) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) return -1;
    const n = parseInt(bytes.toString('latin1', at, line), 16);
    at = line + 2 + n + 2;
    if (bytes.length < at) return -1;
    if (n === 0) return at;
  }
}

function unchunk(bytes) {
  const pieces = [];
  for (let at = 0; ;) {
    const line = bytes.indexOf('\r\n', at);
    const n = parseInt(bytes.toString('latin1', at, line), 16);
    if (n === 0) return Buffer.concat(pieces);
    pieces.push(bytes.subarray(line + 2, line + 2 + n));
    at = line + 2 + n + 2;
  }
}

export class Stage {
  parts = {};
  seen = []; // requests, oldest first: {head, body, part, socket, isGone}
  nConnections = 0;

  static async open() {
    const stage = new Stage();
    stage.server = net.createServer({ noDelay: true }, (socket) => stage.#serve(socket));
    stage.server.listen(0, '127.0.0.1');
    await once(stage.server, 'listening');
    stage.port = stage.server.address().port;
    return stage;
  }

  close() {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  sockets = new Set();

  of(part) {
    return this.seen.filter((request) => request.part === part);
  }

  #serve(socket) {
    const requests = [];
    let pieces = [], n = 0;
    this.nConnections++;
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      this.sockets.delete(socket);
      for (const request of requests) request.isGone = true;
    });
    socket.on('data', (piece) => {
      pieces.push(piece);
      n += piece.length;
      // Large bodies are put together once, at their end.
      if (n > 1024 * 1024 && !this.#looksWhole(pieces, n)) return;
      let bytes = Buffer.concat(pieces);
      for (;;) {
        const headEnd = bytes.indexOf('\r\n\r\n') + 4;
        if (headEnd < 4) break;
        const head = bytes.toString('latin1', 0, headEnd);
        const end = endOf(bytes, headEnd, head);
        if (end < 0) break;
        let body = bytes.subarray(headEnd, end);
        if (/\r\ntransfer-encoding: *chunked/i.test(head)) body = unchunk(body);
        bytes = bytes.subarray(end);
        const request = { head, body, socket, isGone: false, at: Date.now(),
                          part: /\r\nx-part: *(\S+)/i.exec(head)?.[1] };
        requests.push(request);
        if (!head.startsWith('GET /health ')) this.seen.push(request);
        this.#play(request, socket);
      }
      pieces = [bytes];
      n = bytes.length;
    });
  }

  #looksWhole(pieces, n) {
    const length = /\r\ncontent-length: *(\d+)/i.exec(pieces[0].toString('latin1', 0, 4096));
    if (length !== null) return n >= Number(length[1]);
    return Buffer.concat(pieces.slice(-2)).subarray(-5).toString('latin1') === LAST;
  }

  #play(request, socket) {
    const part = this.parts[request.part];
    if (part) part(request, socket);
    else socket.write(json({ ok: true, part: request.part ?? null }));
  }
}

export function json(value, status = '200 OK', fields = '') {
  const body = JSON.stringify(value);
  return `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\n${fields}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
export const EVENTS = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
export const chunk = (bytes) => {
  const body = Buffer.from(bytes);
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')]);
};
export const LAST = '0\r\n\r\n';

// A client that hides nothing: raw bytes to the port and all that comes.
export class Raw {
  constructor(port, options = {}) {
    this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true, ...options });
    this.pieces = [];
    this.isClosed = false;
    this.socket.on('data', (piece) => this.pieces.push(piece));
    this.socket.on('end', () => { this.isEnded = true; this.socket.end(); });
    this.socket.on('error', (error) => { this.error = error; });
    this.closed = new Promise((resolve) => this.socket.on('close', () => { this.isClosed = true; resolve(this.text); }));
  }
  get bytes() { return Buffer.concat(this.pieces); }
  get text() { return this.bytes.toString('latin1'); }
  send(bytes) { this.socket.write(bytes, 'latin1'); return this; }
}

// Takes answers off the front of what came: [{status, head, body}], and
// what is left.
export function answers(bytes) {
  const list = [];
  let rest = bytes;
  for (;;) {
    const headEnd = rest.indexOf('\r\n\r\n') + 4;
    if (headEnd < 4) return { list, rest };
    const head = rest.toString('latin1', 0, headEnd);
    const status = Number(head.slice(9, 12));
    const end = status === 204 || status < 200 ? headEnd : endOf(rest, headEnd, head);
    if (end < 0) return { list, rest };
    let body = rest.subarray(headEnd, end);
    if (/\r\ntransfer-encoding: *chunked/i.test(head)) body = unchunk(body);
    list.push({ status, head, body });
    rest = rest.subarray(end);
  }
}
