import { expect, test } from 'vitest';
import { bytes, bytesText, count, duration, middle, percent, share } from './numbers';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1536, '1.5 KiB'],
  [38.6 * 1024 ** 3, '38.6 GiB'],
  [1.66 * 1024 ** 4, '1.7 TiB'],
  [null, '–'],
  [NaN, '–'],
])('%s bytes are %s', (value, text) => expect(bytesText(value)).toBe(text));

test('a least unit is kept', () => expect(bytes(0, 'GiB')).toEqual({ figure: '0.0', unit: 'GiB' }));
test('thin spaces in thousands', () => expect(count(16384)).toBe('16\u2009384'));
test('what is unknown is never 0', () => {
  expect(count(null)).toBe('–');
  expect(percent(undefined)).toBe('–');
  expect(share(1, null)).toBe(null);
  expect(share(1, 0)).toBe(null);
});

test.each([
  [8, '8 s'],
  [95, '1 min 35 s'],
  [11520, '3 h 12 min'],
  [54 * 3600, '2 d 6 h'],
  [3600, '1 h'],
  [-1, '0 s'],
  [null, '–'],
])('%s s are %s', (value, text) => expect(duration(value)).toBe(text));

test('long names are cut in the middle', () => {
  expect(middle('abcdefghij', 7)).toBe('abc…hij');
  expect(middle('abc', 7)).toBe('abc');
});
