/** REST over a connection that may be cut: nothing is lost that can wait. */
import { call } from '$lib/api/http';
import { Problem } from '$lib/api/problem';
import { live } from './live.svelte';

/**
 * What somebody asked for by hand. While the server is away it waits, as requests of the live wire
 * do, and is sent or refused when it is back.
 */
export function send<T>(...request: Parameters<typeof call>): Promise<T> {
  return live.hold(() => call<T>(...request), request[3]);
}

/** What a page shows: if a cut breaks it, it is read again when the server is back. */
export async function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await call<T>('GET', path, undefined, signal);
    } catch (error) {
      const isCut = error instanceof Problem && error.code === 'unreachable';
      if (!isCut || !(await live.whenBack(signal))) throw error;
    }
  }
}
