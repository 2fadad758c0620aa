/** What a person types or reads of downloads. */
import type { Download, DownloadOrder } from '$lib/api/schema';

const MIB = 1024 * 1024;

/** An address, or ORG/NAME[:VARIANT][@REVISION] of Hugging Face. */
export function orderOf(typed: string, limitMib: number | null): DownloadOrder {
  const limit = limitMib && limitMib > 0 ? { limit_bytes_per_s: Math.round(limitMib * MIB) } : {};
  const text = typed.trim();
  if (text.includes('://')) return { url: text, ...limit };
  const [before = '', revision] = text.split('@', 2);
  const colon = before.indexOf(':');
  return {
    model_id: colon < 0 ? before : before.slice(0, colon),
    ...(colon < 0 ? {} : { variant: before.slice(colon + 1) }),
    ...(revision === undefined ? {} : { revision }),
    ...limit,
  };
}

/** The same download once more. */
export function againOf(download: Download): DownloadOrder {
  if (download.source === 'url') return { url: download.model_id };
  return {
    source: download.source,
    model_id: download.model_id,
    ...(download.variant ? { variant: download.variant } : {}),
    ...(download.ref ? { revision: download.ref } : {}),
  };
}

/** The first in the queue runs first: by priority, then by the time of the order. */
export const inQueue = (a: Download, b: Download): number =>
  (b.priority ?? 0) - (a.priority ?? 0) || (a.created_at_ms ?? 0) - (b.created_at_ms ?? 0);

/** The one that ended last comes first; of some it is not known any more, so their order counts. */
export const byEnd = (a: Download, b: Download): number =>
  (b.ended_at_ms ?? b.created_at_ms ?? 0) - (a.ended_at_ms ?? a.created_at_ms ?? 0);

/** Bytes a second of the whole of it, from its start to its end; null: not known. */
export function averageOf(download: Download): number | null {
  const { started_at_ms: start, completed_at_ms: end, total_bytes: total } = download;
  return start && end && total !== null && end > start ? total / ((end - start) / 1000) : null;
}

/** What there is to say of one beside its name. */
export function factsOf(download: Download): string {
  const hub = { huggingface: 'Hugging Face', civitai: 'Civitai', url: 'by address' };
  const n = download.files.length;
  return [
    download.variant,
    n === 0 ? '' : `${n} file${n === 1 ? '' : 's'}`,
    hub[download.source],
    download.limit_bytes_per_s
      ? `at most ${(download.limit_bytes_per_s / MIB).toFixed(1)} MiB/s`
      : '',
    download.limit_bytes_per_s && download.limit_hours ? `from ${download.limit_hours}` : '',
  ]
    .filter(Boolean)
    .join(', ');
}
