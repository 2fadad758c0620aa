import { describe, expect, it } from 'vitest';
import { countLines, countProblems, rangeOf } from './lines';

describe('lines', () => {
  it('counts as an editor shows them', () => {
    expect(countLines('')).toBe(1);
    expect(countLines('a\nb')).toBe(2);
    expect(countLines('a\nb\n')).toBe(3);
  });
  it('finds where a line is', () => {
    const text = 'first\n\nthird';
    expect(rangeOf(text, 1)).toEqual([0, 5]);
    expect(rangeOf(text, 2)).toEqual([6, 6]);
    expect(rangeOf(text, 3)).toEqual([7, 12]);
    expect(rangeOf(text, 9)).toEqual([7, 12]);
  });
  it('says how many problems there are', () => {
    const problem = { line: 1, key: null, message: 'x' };
    expect(countProblems([problem])).toBe('1 problem');
    expect(countProblems([problem, problem])).toBe('2 problems');
  });
});
