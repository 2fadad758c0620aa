/** Inference requests that are under way; who shows those that have ended is told of each. */
import type { ActivityNews } from '$lib/api/events';
import type { ActiveRequest } from '$lib/api/schema';
import { Collection } from './collection.svelte';

export const activity = new Collection<ActiveRequest>({
  idOf: ({ id }) => String(id),
  list: async (live) => (await live.request('activity:active')).active,
  listen(live, rows) {
    live.on('activity:changed', (news) => take(rows, news));
  },
});

/** What began or changed is put, what has ended goes. */
export function take(
  rows: Pick<Collection<ActiveRequest>, 'put' | 'delete'>,
  { active, ended, gone }: ActivityNews,
): void {
  for (const row of active) rows.put(row);
  for (const { id } of ended) rows.delete(String(id));
  for (const id of gone) rows.delete(String(id));
}
