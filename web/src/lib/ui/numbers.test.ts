import { expect, test } from 'vitest';
import { bytes, bytesText, count, decimal, duration, middle, percent, share } from './numbers';

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
test('little of a least unit is not nothing', () => {
  expect(bytes(32 * 1024 ** 2, 'GiB').figure).toBe('0.03');
  expect(bytes(1, 'GiB').figure).toBe('< 0.01');
});

test.each([
  [0, 1, '0.0'],
  [12.34, 1, '12.3'],
  [0.1, 1, '0.1'],
  [0.06, 1, '0.06'],
  [0.03, 1, '0.03'],
  [0.01, 1, '0.01'],
  [0.004, 1, '< 0.01'],
  [0.004, 2, '0.004'],
  [0, 2, '0.00'],
  [-0.03, 1, '-0.03'],
  [-0.001, 1, '> -0.01'],
  [null, 1, '–'],
  [NaN, 1, '–'],
])('%s with %s digits is %s', (value, digits, text) => expect(decimal(value, digits)).toBe(text));

test.each([
  [0, '0 %'],
  [0.3, '< 1 %'],
  [0.99, '< 1 %'],
  [1, '1 %'],
  [41.6, '42 %'],
  [99.7, '99 %'],
  [100, '100 %'],
  [380.4, '380 %'],
  [null, '–'],
])('%s percent are %s', (value, text) =>
  expect(percent(value)).toBe(text.replaceAll(' ', '\u2009')),
);

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
