/** llama.cpp's router: what it is doing, the models it has, and what it is started with. */
import { read, send } from '$lib/state/rest';
import { Problem } from '$lib/api/problem';
import type { LlamaConfig, LlamaStatus } from '$lib/api/schema';
import type { DraftValue, Source } from './draft.svelte';
import { live, type Live } from './live.svelte';

const TOGETHER_MS = 100; // of several events only one question comes

export class LlamaState implements Source {
  #live: Live;
  #status = $state.raw<LlamaStatus | null>(null);
  #config = $state.raw<LlamaConfig | null>(null);
  #problem = $state.raw<Problem | null>(null);
  #isStarted = false;
  #isAsking = false;
  #asked = 0;

  constructor(connection: Live = live) {
    this.#live = connection;
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    // The wire says that something is new; REST says what it is now.
    const soon = () => {
      if (this.#isAsking) return;
      this.#isAsking = true;
      setTimeout(() => {
        this.#isAsking = false;
        void this.load();
      }, TOGETHER_MS);
    };
    this.#live.on('llama:status', soon);
    this.#live.on('llama:server-event', soon);
    this.#live.on('routerConfig:updated', soon);
    this.#live.on('presets:updated', soon);
    this.#live.feed(() => void this.load());
  }

  get status(): LlamaStatus | null {
    return this.#status;
  }
  get config(): LlamaConfig | null {
    return this.#config;
  }
  get problem(): Problem | null {
    return this.#problem;
  }
  /** The configuration, as a draft reads it. */
  get all(): Record<string, { value: DraftValue }> {
    return Object.fromEntries(
      Object.entries(this.#config ?? {}).map(([key, value]) => [
        key,
        { value: value as DraftValue },
      ]),
    );
  }

  async load(): Promise<void> {
    const asked = ++this.#asked;
    try {
      const [status, config] = await Promise.all([
        read<LlamaStatus>('/api/llama/status'),
        read<LlamaConfig>('/api/llama/config'),
      ]);
      if (asked !== this.#asked) return; // a later question is on its way
      this.#status = status;
      this.#config = config;
      this.#problem = null;
    } catch (error) {
      if (asked === this.#asked) this.#problem = Problem.of(error);
    }
  }

  async save(changes: Readonly<Record<string, DraftValue>>): Promise<void> {
    this.#config = await send<LlamaConfig>('PUT', '/api/llama/config', changes);
    await this.load();
  }

  /** Back to the beginning. */
  async reset(signal?: AbortSignal): Promise<void> {
    await send('DELETE', '/api/llama/config', undefined, signal);
    await this.load();
  }

  /** Resolves when it was taken on; events tell how it goes. */
  async change(action: 'start' | 'stop' | 'restart' | 'rescan'): Promise<void> {
    await send('POST', `/api/llama/${action}`, action === 'start' ? {} : undefined);
    await this.load();
  }

  /** Stopped first if it runs: what it is started with cannot change meanwhile. */
  async startWith(preset: string): Promise<void> {
    const { state } = await send<LlamaStatus>('GET', '/api/llama/status');
    if (!['stopped', 'failed'].includes(state)) await send('POST', '/api/llama/stop?wait=1');
    await send('POST', '/api/llama/start', { preset });
    await this.load();
  }

  async changeModel(name: string, action: 'load' | 'unload'): Promise<void> {
    await send('POST', `/api/models/${encodeURIComponent(name)}/${action}`);
    await this.load();
  }
}

export const llama = new LlamaState();
