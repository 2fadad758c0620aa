#!/usr/bin/env node
// An engine that is only a wire: every connection to its port is carried,
// byte for byte, to the stage (stage.mjs) inside the test, which plays the
// engine's part.
import net from 'node:net';

const port = Number(process.argv[process.argv.indexOf('--port') + 1]);
const stage = Number(process.env.STAGE_PORT);

net.createServer({ allowHalfOpen: true, noDelay: true }, (here) => {
  const there = net.connect({ port: stage, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  for (const [from, to] of [[here, there], [there, here]]) {
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }
}).listen(port, '127.0.0.1');
