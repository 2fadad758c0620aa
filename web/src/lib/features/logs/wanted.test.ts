import { describe, expect, it } from 'vitest';
import { hitsOf, isWanted, queryOf } from './wanted';

const line = {
  id: 1,
  level: 'warn' as const,
  source: 'router',
  message: 'No Room left',
  timestamp: 1,
};
const all = { level: 'debug' as const, source: '', words: '' };

describe('what is wanted', () => {
  it('asks only for what narrows', () => {
    expect(queryOf(all)).toBe('');
    expect(queryOf({ level: 'warn', source: 'router', words: ' a b ' })).toBe(
      'level=warn&source=router&q=a+b',
    );
  });
  it('is the same of what comes live', () => {
    expect(isWanted(line, all)).toBe(true);
    expect(isWanted(line, { ...all, level: 'warn' })).toBe(true);
    expect(isWanted(line, { ...all, level: 'error' })).toBe(false);
    expect(isWanted(line, { ...all, source: 'library' })).toBe(false);
    expect(isWanted(line, { ...all, words: 'no room' })).toBe(true);
    expect(isWanted(line, { ...all, words: 'rooms' })).toBe(false);
  });
  it('marks each hit', () => {
    expect(hitsOf('abcABC', 'b')).toEqual(['a', 'b', 'cA', 'B', 'C']);
    expect(hitsOf('abc', '')).toEqual(['abc']);
    expect(hitsOf('abc', 'x')).toEqual(['abc']);
  });
});
