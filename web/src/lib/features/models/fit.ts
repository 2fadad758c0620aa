/** What the daemon says of a model's memory, as bars: one for each device that it would use. */
import type { Fit } from '$lib/api/schema';
import type { State } from '$lib/ui/states';

const verdicts: Record<Exclude<Fit['fits'], 'unknown'>, State> = {
  yes: 'fits',
  tight: 'tight',
  no: 'too_large',
};

export interface Bar {
  name: string;
  verdict: State;
  limit: number;
  others: number;
  weights: number;
  cache: number;
}

/** Only devices whose memory is known; the rest is told in words. */
export function bars(fit: Fit): Bar[] {
  return fit.devices.flatMap((device): Bar[] => {
    const { name, total_bytes: limit, available_bytes: available, needed_bytes: needed } = device;
    if (needed <= 0 || limit === null || available === null || device.fits === 'unknown') return [];
    const of = (part: string) => device.parts[part] ?? 0;
    const weights = of('weights') + of('repack') + of('projector');
    return [
      {
        name,
        verdict: verdicts[device.fits],
        limit,
        others: Math.max(0, limit - available),
        weights,
        cache: Math.max(0, needed - weights),
      },
    ];
  });
}

/** The contexts to choose from: powers of two up to what it was trained for, and that. */
export function contexts(trained: number | null): number[] {
  const most = trained && trained > 0 ? trained : 131072;
  const all: number[] = [];
  for (let n = 512; n < most; n *= 2) all.push(n);
  return [...all, most];
}

/** The query of a request; null leaves the daemon's own choice. */
export function fitQuery(ctx: number | null, parallel: number | null): string {
  const query = new URLSearchParams();
  if (ctx !== null) query.set('ctx', String(ctx));
  if (parallel !== null) query.set('parallel', String(parallel));
  return query.toString();
}
