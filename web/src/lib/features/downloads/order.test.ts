import { describe, expect, it } from 'vitest';
import type { Download } from '$lib/api/schema';
import { againOf, averageOf, byEnd, factsOf, inQueue, orderOf } from './order';

const download = (more: Partial<Download> = {}): Download => ({
  source: 'huggingface',
  model_id: 'org/name',
  revision: 'c0ffee',
  ref: 'main',
  variant: 'Q4_K_M',
  name: 'name',
  kind: 'llm',
  target: '/models',
  total_bytes: 2000,
  files: [],
  ...more,
});

describe('what is typed', () => {
  it.each([
    ['https://host/a.gguf', { url: 'https://host/a.gguf' }],
    [' org/name ', { model_id: 'org/name' }],
    ['org/name:Q8_0', { model_id: 'org/name', variant: 'Q8_0' }],
    ['org/name:Q8_0@v1', { model_id: 'org/name', variant: 'Q8_0', revision: 'v1' }],
    ['org/name@v1', { model_id: 'org/name', revision: 'v1' }],
  ])('%s', (typed, order) => expect(orderOf(typed, null)).toEqual(order));
  it('limits in MiB', () =>
    expect(orderOf('org/name', 1.5)).toEqual({ model_id: 'org/name', limit_bytes_per_s: 1572864 }));
});

describe('what is shown', () => {
  it('orders once more what was ordered', () => {
    expect(againOf(download())).toEqual({
      source: 'huggingface',
      model_id: 'org/name',
      variant: 'Q4_K_M',
      revision: 'main',
    });
    expect(againOf(download({ source: 'url', model_id: 'https://h/a' }))).toEqual({
      url: 'https://h/a',
    });
  });
  it('queues by priority, then by age', () => {
    const rows = [
      download({ name: 'b', created_at_ms: 2 }),
      download({ name: 'a', created_at_ms: 1 }),
      download({ name: 'first', created_at_ms: 3, priority: 5 }),
    ];
    expect(rows.toSorted(inQueue).map(({ name }) => name)).toEqual(['first', 'a', 'b']);
  });
  it('lists what ended last first, cancelled or completed', () => {
    const rows = [
      download({ name: 'long ago', created_at_ms: 1, ended_at_ms: null }),
      download({ name: 'completed', created_at_ms: 2, ended_at_ms: 5, completed_at_ms: 5 }),
      download({ name: 'cancelled', created_at_ms: 3, ended_at_ms: 9 }),
    ];
    expect(rows.toSorted(byEnd).map(({ name }) => name)).toEqual([
      'cancelled',
      'completed',
      'long ago',
    ]);
  });
  it('averages what has both ends', () => {
    expect(averageOf(download({ started_at_ms: 1000, completed_at_ms: 3000 }))).toBe(1000);
    expect(averageOf(download({ started_at_ms: 1000, completed_at_ms: null }))).toBeNull();
    expect(
      averageOf(download({ total_bytes: null, started_at_ms: 1, completed_at_ms: 2 })),
    ).toBeNull();
  });
  it('says limits with their hours', () => {
    expect(factsOf(download({ limit_bytes_per_s: 1048576, limit_hours: '08:00-18:00' }))).toBe(
      'Q4_K_M, Hugging Face, at most 1.0 MiB/s, from 08:00-18:00',
    );
  });
});
