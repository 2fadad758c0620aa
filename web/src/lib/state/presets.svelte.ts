/** The preset files, with their texts. The wire says that one changed; REST says what it is now. */
import { read } from '$lib/state/rest';
import type { Preset } from '$lib/api/schema';
import { Collection } from './collection.svelte';

export const presets = new Collection<Preset>({
  idOf: (preset) => preset.name,
  list: () => read<Preset[]>('/api/presets'),
  listen(live, rows) {
    live.on('presets:updated', () => void rows.load());
  },
});
