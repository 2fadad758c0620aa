import { expect, test } from 'vitest';
import { compareNames, nameKey } from './names';

const names = [
  'Qwen3-14B',
  'qwen3-4B',
  'Qwen3-0.6B',
  'Qwen2.5-72B',
  'gemma-3-1b',
  'Gemma-3-12b',
  'gemma-3-4b',
];
const expected = [
  'gemma-3-1b',
  'gemma-3-4b',
  'Gemma-3-12b',
  'Qwen2.5-72B',
  'Qwen3-0.6B',
  'qwen3-4B',
  'Qwen3-14B',
];

test('sizes in names are numbers, and capitals are no other names', () => {
  expect(names.toSorted(compareNames)).toEqual(expected);
  const key = (a: string, b: string) => (nameKey(a) < nameKey(b) ? -1 : 1);
  expect(names.toSorted(key)).toEqual(expected);
});
