import { expect, test } from 'vitest';
import type { Fit } from '$lib/api/schema';
import { offers, picks } from './first';

const fit = (fits: Fit['fits']) => ({ fits }) as Fit;

test('three that fit, and no more is asked', async () => {
  const asked: string[] = [];
  const found: string[] = [];
  const problem = await offers(
    (id) => {
      asked.push(id);
      if (asked.length === 2) return Promise.reject(new Error('not there'));
      return Promise.resolve(fit(asked.length === 1 ? 'no' : 'yes'));
    },
    ({ id }) => found.push(id),
  );
  expect(problem).toBe(null);
  expect(found).toEqual(picks.slice(2, 5).map(({ id }) => id));
  expect(asked).toHaveLength(5);
});

test('nothing could be asked: the first reason', async () => {
  const first = new Error('offline');
  expect(
    await offers(
      () => Promise.reject(first),
      () => {},
    ),
  ).toBe(first);
  expect(
    await offers(
      () => Promise.resolve(fit('no')),
      () => {},
    ),
  ).toBe(null);
});
