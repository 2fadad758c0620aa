/** Which models are wanted, in which order and in which look: all of it stands in the address. */
import type { Sort } from '$lib/ui/table';

export type GroupBy =
  '' | 'kind' | 'architecture' | 'quantization' | 'base_model' | 'source' | 'category';
export const groupings: readonly { value: GroupBy; label: string }[] = [
  { value: '', label: 'Not grouped' },
  { value: 'kind', label: 'By kind' },
  { value: 'architecture', label: 'By architecture' },
  { value: 'quantization', label: 'By quantization' },
  { value: 'base_model', label: 'By base model' },
  { value: 'source', label: 'By source' },
  { value: 'category', label: 'By category' },
];

/** Numbers begin with the largest. */
export const orders: readonly { id: string; label: string; isNumber?: boolean }[] = [
  { id: 'name', label: 'Sorted by name' },
  { id: 'architecture', label: 'Sorted by architecture' },
  { id: 'n_parameters', label: 'Sorted by parameters', isNumber: true },
  { id: 'quantization', label: 'Sorted by quantization' },
  { id: 'context_length', label: 'Sorted by context', isNumber: true },
  { id: 'size_bytes', label: 'Sorted by size', isNumber: true },
  { id: 'modified_at_ms', label: 'Sorted by age', isNumber: true },
];

export interface Wanted {
  /** Words, each of which name, title, tags, architecture, path or hash contain. */
  q: string;
  /** A kind, a family of kinds, or ''. */
  kind: string;
  arch: string;
  quant: string;
  tag: string;
  category: '' | 'active' | 'archive';
  isFavourite: boolean;
  isFitting: boolean;
  /** Only those that lie in several places. */
  isCopied: boolean;
  group: GroupBy;
  sort: Sort;
  view: 'table' | 'grid';
}

export const everything: Wanted = {
  q: '',
  kind: '',
  arch: '',
  quant: '',
  tag: '',
  category: '',
  isFavourite: false,
  isFitting: false,
  isCopied: false,
  group: '',
  sort: { by: 'name', isDescending: false },
  view: 'table',
};

export function wantedOf(query: URLSearchParams): Wanted {
  const text = (name: string) => query.get(name) ?? '';
  const sort = text('sort') || 'name';
  const category = text('category');
  const group = groupings.find(({ value }) => value === text('group'));
  return {
    q: text('q'),
    kind: text('kind'),
    arch: text('arch'),
    quant: text('quant'),
    tag: text('tag'),
    category: category === 'active' || category === 'archive' ? category : '',
    isFavourite: query.get('favourite') === '1',
    isFitting: query.get('fits') === '1',
    isCopied: query.get('copies') === '1',
    group: group?.value ?? '',
    sort: { by: sort.replace(/^-/, ''), isDescending: sort.startsWith('-') },
    view: text('view') === 'grid' ? 'grid' : 'table',
  };
}

/** What stands after "?": only what differs from everything; `model` is the open one. */
export function queryOf(wanted: Wanted, model: string | null): string {
  const sort = (wanted.sort.isDescending ? '-' : '') + wanted.sort.by;
  const all: [string, string][] = [
    ['q', wanted.q],
    ['kind', wanted.kind],
    ['arch', wanted.arch],
    ['quant', wanted.quant],
    ['tag', wanted.tag],
    ['category', wanted.category],
    ['favourite', wanted.isFavourite ? '1' : ''],
    ['fits', wanted.isFitting ? '1' : ''],
    ['copies', wanted.isCopied ? '1' : ''],
    ['group', wanted.group],
    ['sort', sort === 'name' ? '' : sort],
    ['view', wanted.view === 'grid' ? 'grid' : ''],
    ['model', model ?? ''],
  ];
  return new URLSearchParams(all.filter(([, value]) => value !== '')).toString();
}

/** Without what leaves models out; look and order stay. */
export const unfiltered = ({ group, sort, view }: Wanted): Wanted => ({
  ...everything,
  group,
  sort,
  view,
});

export const isFiltered = (wanted: Wanted): boolean =>
  queryOf(wanted, null) !== queryOf(unfiltered(wanted), null);
