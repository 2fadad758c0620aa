import { describe, expect, test } from 'vitest';
import { drawn, next, tracks, turned, type Column } from './table';

const columns: Column[] = [
  { id: 'name', label: 'Name', width: '1fr' },
  { id: 'arch', label: 'Architecture', width: '90px', only: 'xl' },
  { id: 'size', label: 'Size', width: '80px', only: 'wide', isNumber: true },
];

test('columns leave in their order', () => {
  expect(tracks(columns)).toEqual({ all: '1fr 90px 80px', medium: '1fr 80px', narrow: '1fr' });
});

describe('where a key leads', () => {
  test.each([
    ['ArrowDown', 4, 5],
    ['ArrowUp', 4, 3],
    ['ArrowUp', 0, 0],
    ['ArrowDown', 99, 99],
    ['PageDown', 4, 24],
    ['PageUp', 4, 0],
    ['Home', 50, 0],
    ['End', 50, 99],
    ['x', 50, null],
  ])('%s from %i: %s', (key, from, to) => {
    expect(next(key, from, 100, 20)).toBe(to);
  });

  test('headings are no stop', () => {
    const isHeading = (i: number) => i === 0 || i === 5;
    expect(next('ArrowDown', 4, 10, 3, isHeading)).toBe(6);
    expect(next('ArrowUp', 6, 10, 3, isHeading)).toBe(4);
    expect(next('ArrowUp', 1, 10, 3, isHeading)).toBe(1);
    expect(next('Home', 7, 10, 3, isHeading)).toBe(1);
    expect(next('ArrowDown', 0, 1, 3, () => true)).toBe(null);
  });
});

test('the row with the focus stays, wherever it is', () => {
  expect(drawn(3, 5, null)).toEqual([3, 4, 5]);
  expect(drawn(3, 5, 4)).toEqual([3, 4, 5]);
  expect(drawn(3, 5, 0)).toEqual([0, 3, 4, 5]);
  expect(drawn(3, 5, 9)).toEqual([3, 4, 5, 9]);
  expect(drawn(0, -1, null)).toEqual([]);
});

test('a head turns its own column, or begins with another', () => {
  const [name, , size] = columns as [Column, Column, Column];
  expect(turned({ by: 'name', isDescending: false }, name)).toEqual({
    by: 'name',
    isDescending: true,
  });
  expect(turned({ by: 'name', isDescending: true }, size)).toEqual({
    by: 'size',
    isDescending: true,
  });
  expect(turned({ by: 'size', isDescending: true }, name)).toEqual({
    by: 'name',
    isDescending: false,
  });
});
