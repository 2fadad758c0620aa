import { describe, expect, it } from 'vitest';
import { guessOf, meaningOf, nothing, queryOf, searchOf, wantedOf } from './wanted';

describe('what is typed', () => {
  const place = (more: object) => ({ is: 'place', place: { source: 'huggingface', ...more } });
  it.each([
    ['qwen3 coder', { is: 'words' }],
    ['', { is: 'words' }],
    ['org/name', place({ id: 'org/name' })],
    ['org/name:Q4_K_M', place({ id: 'org/name', variant: 'Q4_K_M' })],
    ['org/name:Q4_K_M@v1', place({ id: 'org/name', variant: 'Q4_K_M', revision: 'v1' })],
    ['https://huggingface.co/org/name', place({ id: 'org/name' })],
    ['huggingface.co/org/name/tree/main?x=1#top', place({ id: 'org/name' })],
    ['https://hf.co/org/name/tree/v2', place({ id: 'org/name', revision: 'v2' })],
    [
      'https://huggingface.co/org/name/blob/main/a%20b/c-Q8_0.gguf?download=true',
      place({ id: 'org/name', file: 'a b/c-Q8_0.gguf' }),
    ],
    [
      'https://huggingface.co/datasets/x/y',
      { is: 'address', url: 'https://huggingface.co/datasets/x/y' },
    ],
    [
      'https://civitai.com/models/101/paper-cut?modelVersionId=2001',
      { is: 'place', place: { source: 'civitai', id: '101', version: '2001' } },
    ],
    [
      'civitai.com/api/download/models/2002',
      { is: 'address', url: 'https://civitai.com/api/download/models/2002' },
    ],
    ['https://mirror.example/a.gguf', { is: 'address', url: 'https://mirror.example/a.gguf' }],
  ])('%s', (text, meaning) => {
    expect(meaningOf(text, 'huggingface')).toEqual(meaning);
  });
  it('a number is a model of Civitai', () => {
    expect(meaningOf('101', 'civitai')).toEqual({
      is: 'place',
      place: { source: 'civitai', id: '101' },
    });
    expect(meaningOf('101', 'huggingface')).toEqual({ is: 'words' });
  });
  it('a mirror is guessed by its path', () => {
    expect(guessOf('http://127.0.0.1:1/org/name')).toEqual({
      source: 'huggingface',
      id: 'org/name',
    });
    expect(guessOf('http://127.0.0.1:1/')).toBe(null);
  });
});

describe('the address', () => {
  it('holds what differs from nothing, and comes back', () => {
    const wanted = { ...nothing, q: 'x', source: 'civitai' as const, most: 24, open: '101' };
    expect(queryOf(wanted)).toBe('q=x&source=civitai&max=24&open=101');
    expect(wantedOf(new URLSearchParams(queryOf(wanted)))).toEqual(wanted);
    expect(queryOf(nothing)).toBe('');
    expect(wantedOf(new URLSearchParams('max=-1&gated=maybe&source=else'))).toEqual(nothing);
  });
  it('is a search only when something was asked for', () => {
    expect(searchOf({ ...nothing, library: 'mlx' })).toBe(null);
    expect(searchOf({ ...nothing, q: ' x ' })).toBe('source=huggingface&q=x&library=gguf');
    expect(searchOf({ ...nothing, sort: 'likes', library: 'any', most: 8, gated: '0' })).toBe(
      'source=huggingface&sort=likes&max_size_gb=8&gated=0',
    );
    expect(searchOf({ ...nothing, q: 'x', source: 'civitai' })).toBe('source=civitai&q=x');
  });
});
