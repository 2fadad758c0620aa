/** The machine and the program: what does not change while it runs. */
import type { SystemInfo } from '$lib/api/schema';
import { live } from './live.svelte';

class System {
  #info = $state.raw<SystemInfo | null>(null);
  #isStarted = false;

  get info(): SystemInfo | null {
    return this.#info;
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    live.feed(() => {
      live.request('system:info').then(
        (info) => (this.#info = info),
        () => {}, // the connection's own face tells
      );
    });
  }
}

export const system = new System();
