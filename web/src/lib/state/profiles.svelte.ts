/** The profiles; their servers' states are in `servers`. */
import type { Profile } from '$lib/api/schema';
import { Collection } from './collection.svelte';

export const profiles = new Collection<Profile>({
  idOf: (profile) => profile.id,
  list: async (live) => (await live.request('profiles:list')).profiles,
  listen(live, rows) {
    live.on('profiles:created', ({ profile }) => rows.put(profile));
    live.on('profiles:updated', ({ profile }) => rows.put(profile));
    live.on('profiles:deleted', ({ profileId }) => rows.delete(profileId));
  },
});
