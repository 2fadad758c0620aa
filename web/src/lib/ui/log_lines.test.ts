import { expect, test } from 'vitest';
import { parseLine, tone } from './log_lines';

test('colours become tokens, other sequences vanish', () => {
  expect(parseLine('\u001b[31mred\u001b[0m plain\u001b[2K \u001b[1;93mwarm')).toEqual([
    { text: 'red', className: 'e' },
    { text: ' plain', className: '' },
    { text: ' ', className: '' },
    { text: 'warm', className: 'w' },
  ]);
});

test('a line without colour is one part', () =>
  expect(parseLine('<b>x</b>')).toEqual([{ text: '<b>x</b>', className: '' }]));

test.each([
  ['cudaMalloc failed: out of memory', 'e'],
  ['warning: slow', 'w'],
  ['loading weights', ''],
])('%s is %s', (line, expected) => expect(tone(line)).toBe(expected));
