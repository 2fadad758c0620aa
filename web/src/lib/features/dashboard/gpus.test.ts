import { expect, test } from 'vitest';
import type { Sample } from '$lib/api/schema';
import { together } from './gpus';

const gpu = (change: Partial<Sample['gpus'][number]>) =>
  ({
    name: 'A',
    busy_percent: null,
    memory_used_bytes: null,
    memory_total_bytes: 100,
    temperature_c: null,
    power_w: null,
    ...change,
  }) as Sample['gpus'][number];

test('several: busy on average, memory and power together, the hottest', () => {
  const all = [
    gpu({ busy_percent: 90, memory_used_bytes: 60, temperature_c: 50, power_w: 100.4 }),
    gpu({ busy_percent: 11, memory_used_bytes: 20, temperature_c: 71, power_w: 50 }),
    gpu({ name: 'B', busy_percent: null, memory_used_bytes: 1 }),
  ];
  expect(together(all)).toEqual({
    busy_percent: 51,
    used_bytes: 81,
    total_bytes: 300,
    facts: '2 × A, B, 71 °C, 150 W',
  });
});

test('what one does not tell is not known of all; none is none', () => {
  const two = together([gpu({ memory_used_bytes: 60 }), gpu({})]);
  expect([two?.busy_percent, two?.used_bytes, two?.facts]).toEqual([null, null, '2 × A']);
  expect(together([])).toBeNull();
});
