/** What can be talked to, as the gateway lists it. */
import { read } from '$lib/state/rest';
import { Problem } from '$lib/api/problem';
import { live, type Live } from '$lib/state/live.svelte';

interface Listed {
  id: string;
  aliases?: string[];
}

export class Choices {
  #names = $state.raw<readonly string[]>([]);
  #isLoaded = $state(false);
  #problem = $state.raw<Problem | null>(null);

  get names(): readonly string[] {
    return this.#names;
  }
  get isLoaded(): boolean {
    return this.#isLoaded;
  }
  get problem(): Problem | null {
    return this.#problem;
  }

  /** Begins to listen; returns how to stop. */
  start(connection: Live = live): () => void {
    const load = () => void this.load();
    const ends = [
      connection.feed(load),
      connection.on('models:created', load),
      connection.on('models:deleted', load),
      connection.on('models:scanned', load),
      connection.on('profiles:created', load),
      connection.on('profiles:updated', load),
      connection.on('profiles:deleted', load),
    ];
    return () => {
      for (const end of ends) end();
    };
  }

  async load(): Promise<void> {
    try {
      const { data } = await read<{ data: Listed[] }>('/v1/models');
      this.#names = data.flatMap(({ id, aliases }) => [id, ...(aliases ?? [])]);
      this.#isLoaded = true;
      this.#problem = null;
    } catch (error) {
      this.#problem = Problem.of(error);
    }
  }
}
