/** Who we are to the daemon: a key or a one-time link is traded for a cookie. */
import { call, whenUnauthorized } from '$lib/api/http';
import { Problem } from '$lib/api/problem';
import { live } from './live.svelte';

interface Who {
  who: 'nobody' | 'unix' | 'key' | 'session' | 'loopback';
  scope: 'admin' | 'inference' | 'read' | null;
  may_execute: boolean;
}

class Session {
  #who = $state<Who | null>(null);
  #problem = $state<Problem | null>(null);
  #isAsking = false;

  constructor() {
    // A key was revoked, or a session has ended, while the page was open.
    whenUnauthorized(() => void this.load());
  }

  /** null: not known yet. */
  get who(): Who | null {
    return this.#who;
  }
  get problem(): Problem | null {
    return this.#problem;
  }
  get needsSignIn(): boolean {
    return (
      this.#who?.who === 'nobody' ||
      this.#problem?.needsSignIn === true ||
      live.refusal?.needsSignIn === true
    );
  }
  /** May decide what is executed or read: engines, folders, keys. */
  get mayExecute(): boolean {
    return this.#who?.may_execute ?? false;
  }
  /** `control`: to start, stop and edit; `inference`: to use models. */
  may(what: 'control' | 'inference'): boolean {
    const scope = this.who?.scope ?? null;
    return scope === null || scope === 'admin' || scope === what;
  }
  get isSession(): boolean {
    return this.#who?.who === 'session';
  }

  async load(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      this.#who = await call<Who>('GET', '/api/session');
      this.#problem = null;
    } catch (error) {
      this.#problem = Problem.of(error);
      if (this.#problem.code === 'unreachable')
        void live.whenBack().then((isBack) => (isBack ? this.load() : undefined));
    } finally {
      this.#isAsking = false;
    }
  }

  /** Rejects with why the key or link is not taken. */
  async signIn(what: { key: string } | { link: string }): Promise<void> {
    this.#who = await call<Who>('POST', '/api/session', what);
    this.#problem = null;
    live.rejoin();
  }

  async signOut(): Promise<void> {
    await call('DELETE', '/api/session');
    await this.load();
    live.rejoin();
  }
}

export const session = new Session();
