/** Why nothing can be changed now, or false. */
import { session } from '$lib/state/session.svelte';

export function blocked(): string | false {
  const scope = session.who?.scope;
  return scope === 'read' || scope === 'inference'
    ? `This key may not change models: its scope is ${scope}`
    : false;
}
