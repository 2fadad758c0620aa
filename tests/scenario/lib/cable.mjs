// The way between a browser and Hearth, which can be cut and mended: both ends
// live on, as when a laptop leaves the network.
import { once } from 'node:events';
import net from 'node:net';

export class Cable {
  #sockets = new Set();

  static async to(port) {
    const cable = new Cable();
    cable.far = port;
    await cable.mend();
    cable.base = `http://127.0.0.1:${cable.port}`;
    return cable;
  }

  #join(near) {
    const far = net.connect(this.far, '127.0.0.1');
    for (const [one, other] of [[near, far], [far, near]]) {
      this.#sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }

  async mend() {
    this.server = net.createServer((near) => this.#join(near)).listen(this.port ?? 0, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = this.server.address().port;
  }

  // What comes now is refused.
  cut() {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
