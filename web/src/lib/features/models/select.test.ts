import { describe, expect, test } from 'vitest';
import { model } from '$tests/model';
import { facets, grouped, isHeading, select, type Line } from './select';
import { everything, isFiltered, queryOf, wantedOf, type Wanted } from './wanted';

const all = [
  model({ id: '1', name: 'Coder', architecture: 'qwen3', quantization: 'Q4_K_M', size_bytes: 30 }),
  model({
    id: '2',
    name: 'ash',
    architecture: 'llama',
    size_bytes: 10,
    is_favourite: true,
    n_locations: 2,
  }),
  model({
    id: '3',
    name: 'pixel',
    kind: 'lora',
    base_model: 'SDXL',
    tags: ['style'],
    size_bytes: 20,
  }),
  model({ id: '4', name: 'attic', category: 'archive', size_bytes: 10 }),
];
const ids = (wanted: Partial<Wanted>, isTooLarge = (id: string) => id === '1') =>
  select(all, { ...everything, ...wanted }, isTooLarge)
    .map(({ id }) => id)
    .join('');

describe('what is left', () => {
  test.each<[Partial<Wanted>, string]>([
    [{}, '2413'],
    [{ q: 'QWEN3' }, '1'],
    [{ q: 'lora' }, ''],
    [{ q: 'style sdxl' }, '3'],
    [{ kind: 'lora' }, '3'],
    [{ kind: 'image' }, '3'],
    [{ kind: 'language' }, '241'],
    [{ arch: 'llama' }, '2'],
    [{ quant: 'Q4_K_M' }, '1'],
    [{ tag: 'style' }, '3'],
    [{ category: 'archive' }, '4'],
    [{ isFavourite: true }, '2'],
    [{ isFitting: true }, '243'],
    [{ isCopied: true }, '2'],
    [{ sort: { by: 'size_bytes', isDescending: true } }, '1324'],
    [{ sort: { by: 'size_bytes', isDescending: false } }, '2431'],
    [{ kind: 'toString' }, ''],
    [{ sort: { by: 'toString', isDescending: false } }, '2413'],
    [{ sort: { by: 'nothing', isDescending: true } }, '3142'],
  ])('%j: %s', (wanted, expected) => {
    expect(ids(wanted)).toBe(expected);
  });
});

test('groups stand by name, the unknown last', () => {
  const words = (lines: Line[]) =>
    lines.map((line) => (isHeading(line) ? `${line.heading} ${line.n}` : line.id));
  expect(words(grouped(all, 'base_model'))).toEqual([
    'SDXL 1',
    '3',
    'Unknown base model 3',
    '1',
    '2',
    '4',
  ]);
  expect(words(grouped(all, 'category'))).toEqual(['Active 3', '1', '2', '3', 'Archive 1', '4']);
  expect(grouped(all, '')).toEqual(all);
});

test('what there is to choose from', () => {
  const found = facets(all);
  expect([...found.families]).toEqual([
    ['language', 3],
    ['image', 1],
  ]);
  expect(found.archs).toEqual(['llama', 'qwen3']);
  expect(found.tags).toEqual(['style']);
});

test('the address says all of it, and nothing that is as always', () => {
  expect(queryOf(everything, null)).toBe('');
  const wanted: Wanted = {
    q: 'a b',
    kind: 'lora',
    arch: 'x',
    quant: 'Q8_0',
    tag: 't&',
    category: 'archive',
    isFavourite: true,
    isFitting: true,
    isCopied: true,
    group: 'kind',
    sort: { by: 'size_bytes', isDescending: true },
    view: 'grid',
  };
  expect(wantedOf(new URLSearchParams(queryOf(wanted, 'm1')))).toEqual(wanted);
  expect(wantedOf(new URLSearchParams('category=attic&group=x&view=y'))).toEqual(everything);
  expect(isFiltered({ ...everything, group: 'kind', view: 'grid' })).toBe(false);
  expect(isFiltered({ ...everything, isFitting: true })).toBe(true);
});

test('ten thousand are filtered, sorted and grouped in no time', () => {
  const many = Array.from({ length: 10_000 }, (_, i) =>
    model({
      id: String(i),
      name: `model-${(i * 7919) % 10_000}`,
      architecture: `arch${i % 40}`,
      size_bytes: (i * 104729) % 999983,
    }),
  );
  const run = (wanted: Partial<Wanted>) => {
    const start = performance.now();
    grouped(
      select(many, { ...everything, ...wanted }, () => false),
      wanted.group ?? '',
    );
    return performance.now() - start;
  };
  run({ q: 'model' }); // texts are made once
  const times = [
    run({ q: 'model-1' }),
    run({ sort: { by: 'size_bytes', isDescending: true } }),
    run({ group: 'architecture' }),
  ];
  // 50 ms are meant; a busy machine may take longer.
  for (const ms of times) expect(ms).toBeLessThan(250);
});
