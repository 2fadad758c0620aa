// From a change to the sockets of those who watch: a model's favourite mark is
// set over REST, the time ends when each client has the broadcast. Prints rows
// of a Markdown table. Arguments: address, number of clients, of changes.
import http from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../scenario/package.json', import.meta.url));
const { io } = require('socket.io-client');
const [base, nClients, nChanges] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, target, body) {
  const text = body === undefined ? '' : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const req = http.request(base + target, { method, agent, headers: {
      'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) } }, (res) => {
      let answer = '';
      res.on('data', (piece) => { answer += piece; });
      res.on('end', () => (res.statusCode < 300 ? resolve(JSON.parse(answer).data)
        : reject(new Error(`${method} ${target}: ${res.statusCode} ${answer}`))));
    });
    req.on('error', reject);
    req.end(text);
  });
}

const [model] = await call('GET', '/api/models?limit=1');
let heard; // called by each client with each broadcast
const sockets = [];
for (let i = 0; i < nClients; i++) {
  const socket = io(base, { path: '/llamaproxws', transports: ['websocket'], forceNew: true, reconnection: false });
  await new Promise((resolve, reject) => { socket.once('connect', resolve); socket.once('connect_error', reject); });
  socket.on('models:updated', () => heard?.());
  sockets.push(socket);
}
const first = [], last = [], answered = [];
for (let k = 0; k < nChanges; k++) {
  let n = 0;
  const start = performance.now();
  const all = new Promise((resolve) => {
    heard = () => {
      if (n++ === 0) first.push(performance.now() - start);
      if (n === nClients) { last.push(performance.now() - start); resolve(); }
    };
  });
  await call('PUT', `/api/models/${model.id}`, { is_favourite: k % 2 === 0 });
  answered.push(performance.now() - start);
  await all;
  await new Promise((resolve) => setTimeout(resolve, 5));
}
for (const socket of sockets) socket.close();
agent.destroy();
const at = (values, share) => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))].toFixed(1);
console.log(`| ${nClients} | ${at(answered, 0.5)} | ${at(first, 0.5)} | ${at(first, 0.99)} | ${at(last, 0.5)} | ${at(last, 0.99)} |`);
