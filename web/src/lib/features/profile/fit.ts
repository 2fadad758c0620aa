/** How the options of a profile are asked for as a fit. */
import type { Fit } from '$lib/api/schema';
import type { State } from '$lib/ui/states';

/** The query of /fit; what is not set is left to the server. */
export function fitQuery(get: (field: string) => unknown, nLayers: number): string {
  const query = new URLSearchParams();
  const positive = (name: string, field: string) => {
    const value = get(field);
    if (typeof value === 'number' && value > 0) query.set(name, String(value));
  };
  positive('ctx', 'options.ctx_size');
  positive('parallel', 'options.parallel');
  for (const name of ['cache_type_k', 'cache_type_v']) {
    const value = get(`options.${name}`);
    if (typeof value === 'string') query.set(name, value);
  }
  const layers = get('options.n_gpu_layers');
  if (typeof layers === 'number' && layers >= 0) query.set('gpu_layers', String(layers));
  else if (layers === 'all' && nLayers > 0) query.set('gpu_layers', String(nLayers + 1));
  query.set('mmproj', typeof get('options.mmproj') === 'string' ? '1' : '0');
  return query.toString();
}

export const verdicts: Record<Fit['fits'], State | null> = {
  yes: 'fits',
  tight: 'tight',
  no: 'too_large',
  unknown: null,
};

const kept = ['weights', 'repack', 'projector'];

/** One device as the fit bar draws it: what stays, and what comes and goes with the context. */
export function barOf(device: Fit['devices'][number]) {
  const parts = Object.entries(device.parts);
  const sum = (isWanted: (name: string) => boolean) =>
    parts.filter(([name]) => isWanted(name)).reduce((total, [, bytes]) => total + bytes, 0);
  return {
    limit: device.total_bytes,
    others:
      device.total_bytes === null || device.available_bytes === null
        ? 0
        : Math.max(0, device.total_bytes - device.available_bytes),
    weights: sum((name) => kept.includes(name)),
    cache: sum((name) => !kept.includes(name)),
  };
}
