/** The output of one engine, followed while somebody looks at it. */
import { url } from '$lib/api/http';

const KEPT = 2000;

export class EngineLog {
  #lines = $state.raw<readonly string[]>([]);
  #status = $state<'opening' | 'following' | 'ended' | 'broken'>('opening');
  #dropped = $state(0);

  get lines(): readonly string[] {
    return this.#lines;
  }
  get status(): 'opening' | 'following' | 'ended' | 'broken' {
    return this.#status;
  }
  /** How many lines the server could not give us. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Follows the log of a server until the function that is returned is called. */
  follow(id: string, lines = 200): () => void {
    this.#lines = [];
    this.#dropped = 0;
    this.#status = 'opening';
    const source = new EventSource(
      url(`/api/servers/${encodeURIComponent(id)}/logs?lines=${lines}`),
    );
    source.onopen = () => (this.#status = 'following');
    source.onerror = () => (this.#status = 'broken');
    source.onmessage = (message: MessageEvent<string>) => {
      const event = JSON.parse(message.data) as {
        line?: string;
        dropped?: number;
        status?: string;
      };
      if (event.line !== undefined) this.#lines = [...this.#lines, event.line].slice(-KEPT);
      if (event.dropped !== undefined) this.#dropped += event.dropped;
      if (event.status === undefined) return;
      this.#status = 'ended';
      source.close();
    };
    return () => source.close();
  }
}
