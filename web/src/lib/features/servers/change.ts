import { servers } from '$lib/state/servers.svelte';
import { toasts } from '$lib/state/toasts.svelte';

const failures = {
  start: 'was not started',
  stop: 'was not stopped',
  restart: 'was not restarted',
} as const;

/** Asks for it; a refusal is told where the state is, and as a toast. */
export async function change(
  action: 'start' | 'stop' | 'restart',
  id: string,
  name: string,
): Promise<void> {
  try {
    await servers.change(action, id);
  } catch (error) {
    toasts.fail(`${name} ${failures[action]}`, error);
  }
}
