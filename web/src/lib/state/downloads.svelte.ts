/** Downloads, those that have ended included as far as the daemon lists them. */
import type { Download } from '$lib/api/schema';
import { Collection } from './collection.svelte';

export type DownloadState = NonNullable<Download['status']>;

const ended: readonly (DownloadState | undefined)[] = ['completed', 'cancelled', 'failed'];

export const downloads = new Collection<Download>({
  idOf: (download) => download.task_id ?? '',
  list: async (live) => (await live.request('downloads:list')).downloads,
  listen(live, rows) {
    live.on('downloads:updated', ({ download }) => rows.put(download));
    live.on('downloads:progress', ({ download }) => rows.put(download));
    live.on('downloads:removed', ({ taskId }) => rows.delete(taskId));
  },
});

export const isUnderWay = (download: Download): boolean => !ended.includes(download.status);
