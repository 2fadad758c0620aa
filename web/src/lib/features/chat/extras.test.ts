import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Extra } from './extras.svelte';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('what cannot be had is asked for again after a while, not with each frame', async () => {
  let isThere = false;
  const load = vi.fn(() => (isThere ? Promise.resolve('it') : Promise.reject(new Error('404'))));
  const extra = new Extra(load);
  for (let frame = 0; frame < 5; frame += 1) {
    expect(extra.get()).toBeNull();
    await vi.advanceTimersByTimeAsync(16);
  }
  expect(load).toHaveBeenCalledTimes(1);
  isThere = true;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(extra.get()).toBeNull();
  await extra.come();
  expect(extra.get()).toBe('it');
  expect(load).toHaveBeenCalledTimes(2);
});
