import { expect, test } from 'vitest';
import { match } from './match';

test('letters in order, else nothing', () => {
  expect(match('Restart coder', 'rco')?.at).toEqual([0, 8, 9]);
  expect(match('Restart', 'tz')).toBe(null);
});

test('runs and beginnings of words count more', () => {
  const score = (text: string) => match(text, 'st')?.score ?? -1;
  expect(score('Start coder')).toBeGreaterThan(score('Restart coder'));
  expect(score('Restart coder')).toBeGreaterThan(score('Servers of it'));
});
