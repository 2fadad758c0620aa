/** The preset files, with their texts. The wire says that one changed; REST says what it is now. */
import { call } from '$lib/api/http';
import type { Preset } from '$lib/api/schema';
import { Collection } from './collection.svelte';

export const presets = new Collection<Preset>({
  idOf: (preset) => preset.name,
  list: () => call<Preset[]>('GET', '/api/presets'),
  listen(live, rows) {
    live.on('presets:updated', () => void rows.load());
  },
});
