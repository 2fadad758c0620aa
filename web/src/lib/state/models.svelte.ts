/**
 * The library. It may be megabytes: it does not come over the live connection, where every other
 * answer would wait for it.
 */
import { read } from '$lib/state/rest';
import type { Model } from '$lib/api/schema';
import { Collection } from './collection.svelte';

export const models = new Collection<Model>({
  idOf: (model) => model.id,
  list: () => read<Model[]>('/api/models'),
  isApart: true,
  listen(live, rows) {
    live.on('models:list', (data) => rows.replace(data.models));
    live.on('models:created', ({ model }) => rows.put(model));
    live.on('models:updated', ({ model }) => rows.put(model));
    live.on('models:deleted', ({ modelId }) => rows.delete(modelId));
    // A model's state is told of as its server's.
    live.on('servers:status', ({ server }) => {
      rows.change(() => {
        const model = rows.get(server.profile_id);
        if (model) rows.put({ ...model, state: server.state });
      });
    });
  },
});
