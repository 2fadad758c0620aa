import { expect, test } from 'vitest';
import type { Sample } from '$lib/api/schema';
import { server } from '$tests/server';
import { concerns } from './attention';

const sample = (readings: Record<string, number | null>): Sample =>
  ({ at_ms: 0, interval_ms: null, readings, gpus: [], servers: [], unknown: {} }) as never;

test('nothing is wrong', () => {
  expect(concerns([], null)).toEqual([]);
  expect(concerns([], sample({ memory_used_bytes: 1, memory_total_bytes: 10 }))).toEqual([]);
});

test('what failed comes before what retries, then what is full', () => {
  const all = concerns(
    [
      server({ profile_id: 'r', profile_name: 'r', state: 'backoff', n_restarts: 2, reason: 'x' }),
      server({ profile_id: 'f', profile_name: 'f', state: 'failed', reason: 'it ended' }),
    ],
    sample({ models_disk_total_bytes: 900, models_disk_free_bytes: 81 }),
  );
  expect(all.map(({ title, text }) => `${title}: ${text}`)).toEqual([
    'f failed: It ended.',
    'r is retrying: X. Restarted 2 times.',
    'The models disk is 91\u2009% full: 81 B left of 900 B.',
  ]);
});
