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

test('a word as it was typed is found whole, though its letters stand before it, apart', () => {
  expect(match('Chat with coder', 'coder')?.at).toEqual([10, 11, 12, 13, 14]);
  expect(match('Reload, then load', 'load')?.at).toEqual([13, 14, 15, 16]);
  expect(match('ab c a b', 'b ab')?.at).toEqual([1, 5, 7]);
});
