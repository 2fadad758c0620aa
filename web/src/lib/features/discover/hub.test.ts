import { describe, expect, it } from 'vitest';
import { Problem } from '$lib/api/problem';
import type { Download, Fit, HubFiles, Model } from '$lib/api/schema';
import {
  choicesOf,
  fresh,
  fullest,
  isHere,
  isOf,
  many,
  pageOf,
  pickedOf,
  refusalOf,
  suggestedOf,
  taskOf,
  verdictOf,
  type Found,
} from './hub';

const file = (path: string, size = 10) => ({ path, size, sha256: null });
const listed = (more: Partial<HubFiles> = {}): HubFiles => ({
  source: 'huggingface',
  model_id: 'org/name',
  revision: 'c0ffee',
  gated: false,
  variants: [
    { name: 'Q8_0', size_bytes: 20, files: [file('a-1.gguf'), file('a-2.gguf')] },
    { name: 'Q4_K_M', size_bytes: 10, files: [file('b.gguf')] },
  ],
  projectors: [],
  files: [file('a-1.gguf'), file('a-2.gguf'), file('b.gguf'), file('odd/c.bin')],
  ...more,
});
const here = { source: 'huggingface', id: 'org/name' } as const;

describe('choices', () => {
  it('are variants, the smallest first, parts together', () => {
    const all = choicesOf(listed(), here);
    expect(all.map(({ label, size, facts }) => [label, size, facts])).toEqual([
      ['Q4_K_M', 10, ''],
      ['Q8_0', 20, '2 parts'],
    ]);
    expect(all[0]?.order).toEqual({
      source: 'huggingface',
      model_id: 'org/name',
      variant: 'Q4_K_M',
    });
    expect(pickedOf(all, { ...here, variant: 'q8_0' })?.label).toBe('Q8_0');
    expect(pickedOf(all, { ...here, file: 'a-2.gguf' })?.label).toBe('Q8_0');
    expect(pickedOf(all, here)).toBe(undefined);
  });
  it('a file that is asked for and no variant stands first', () => {
    expect(choicesOf(listed(), { ...here, file: 'odd/c.bin' })[0]?.order.files).toEqual([
      'odd/c.bin',
    ]);
  });
  it('without variants it is the whole model, of unknown size', () => {
    const [one] = choicesOf(listed({ variants: [] }), here);
    expect(one).toMatchObject({ label: 'Whole model', facts: 'of 4 files', size: null });
    expect(choicesOf(listed({ variants: [], files: [] }), here)).toEqual([]);
  });
  it('of Civitai are files', () => {
    const got = listed({
      source: 'civitai',
      model_id: '101',
      revision: '2002',
      variants: [],
      files: [{ ...file('x.safetensors'), file_id: '7', format: 'SafeTensor' }],
    });
    const [one] = choicesOf(got, { source: 'civitai', id: '101' });
    expect(one?.order).toEqual({
      source: 'civitai',
      model_id: '101',
      version_id: '2002',
      file_id: '7',
    });
    expect(one?.fit).toBe(null);
  });
});

describe('fit', () => {
  const fit = (fits: Fit['fits'], needed: number, available: number, name = 'GPU0'): Fit =>
    ({
      fits,
      devices: [
        {
          name,
          total_bytes: 100,
          available_bytes: available,
          needed_bytes: needed,
          fits,
          parts: {},
        },
      ],
    }) as never;
  const none = { gpu: 0, ram: 0 };
  it.each([
    ['fits', fit('yes', 10, 90), none],
    ['tight', fit('tight', 88, 90), none],
    [null, fit('unknown', 10, 90), none],
    ['too_large', fit('no', 50, 20), none],
    ['after_unload', fit('no', 50, 20), { gpu: 40, ram: 0 }],
    ['too_large', fit('no', 50, 20, 'RAM'), { gpu: 40, ram: 0 }],
    ['after_unload', fit('no', 50, 20, 'RAM'), { gpu: 0, ram: 40 }],
    ['too_large', fit('no', 120, 20), { gpu: 80, ram: 0 }],
  ])('%s', (verdict, one, held) => {
    expect(verdictOf(one, held)).toBe(verdict);
  });
  it('is drawn of the device that is filled most', () => {
    expect(fullest(fit('no', 50, 20))).toEqual({ name: 'GPU0', needed: 50, limit: 100 });
    expect(fullest({ devices: [] } as never)).toBe(null);
  });
  it('suggests the largest that fits alone', () => {
    const all = choicesOf(listed(), here);
    expect(suggestedOf(all, () => 'fits')).toBe('Q8_0');
    expect(suggestedOf(all, (key) => (key === 'Q8_0' ? 'tight' : 'after_unload'))).toBe('Q4_K_M');
    expect(suggestedOf(all, () => 'too_large')).toBe(null);
    expect(suggestedOf(all, () => undefined)).toBe(null);
  });
});

describe('what is here', () => {
  const model = (path: string, more: Partial<Model> = {}) =>
    ({ path, other_paths: [], civitai_model_id: 0, civitai_version_id: 0, ...more }) as Model;
  const [small, large] = choicesOf(listed(), here) as [never, never];
  it('by folder and file', () => {
    const cached = model('/hub/models--Org--Name/snapshots/c0ffee/b.gguf');
    expect(isOf(cached, 'huggingface', 'org/name')).toBe(true);
    expect(isOf(model('/models/org/name/b.gguf'), 'huggingface', 'org/name')).toBe(true);
    expect(isOf(model('/models/org/name-2/b.gguf'), 'huggingface', 'org/name')).toBe(false);
    expect(isHere(small, [cached])).toBe(true);
    expect(isHere(large, [cached])).toBe(false);
  });
  it('the newest download of it', () => {
    const task = (more: Partial<Download>) =>
      ({
        source: 'huggingface',
        model_id: 'ORG/name',
        variant: '',
        files: [],
        ...more,
      }) as Download;
    const old = task({ files: [file('b.gguf')], created_at_ms: 1 });
    const fresh = task({ variant: 'q4_k_m', created_at_ms: 2 });
    const other = task({ variant: 'Q8_0', created_at_ms: 3 });
    expect(taskOf(small, 'huggingface', 'org/name', [old, other, fresh])).toBe(fresh);
    expect(taskOf(small, 'civitai', 'org/name', [old])).toBe(undefined);
  });
});

it.each([
  ['org/name is gated: accept its terms at https://h/org/name, then give', /has no token/],
  ['org/name is gated and this token has no access: accept', /token has no access/],
  ['the hub refuses the token', /refuses Hearth's token/],
  ['org/name does not exist on the hub or is private: a token', /is private/],
  ['This asset is in Early Access until 2027', /early access/],
  ['The creator requires you to be logged in to download it', /wants a token/],
])('refused: %s', (message, title) => {
  expect(refusalOf(new Problem('x', message), 'org/name')).toMatch(title);
});

it('says where to go, and how many', () => {
  expect(refusalOf(new Problem('x', 'the hub answers no JSON'), 'org/name')).toBe(null);
  expect(pageOf('huggingface', 'a/b', 'accept its terms at http://h:1/a/b, then')).toBe(
    'http://h:1/a/b',
  );
  expect(pageOf('civitai', '7')).toBe('https://civitai.com/models/7');
  expect([many(null), many(486), many(88_000), many(1_234_567)]).toEqual([
    '–',
    '486',
    '88\u2009K',
    '1.2\u2009M',
  ]);
});

it('shows a row once, though the hub tells it on two pages or twice on one', () => {
  const row = (model_id: string) => ({ model_id }) as Found;
  expect(fresh([row('b'), row('c'), row('c')], [row('a'), row('b')])).toEqual([row('c')]);
  expect(fresh([row(''), row('')])).toEqual([row('')]);
});
