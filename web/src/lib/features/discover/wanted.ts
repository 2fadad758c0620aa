/** What is wanted of a hub: all of it stands in the address. And what a typed text means. */
export type Source = 'huggingface' | 'civitai';

export interface Wanted {
  q: string;
  source: Source;
  /** '': by downloads. */
  sort: string;
  /** Hugging Face: a library, or any; Civitai: the base model. */
  library: string;
  /** Hugging Face: the task; Civitai: the type. */
  kind: string;
  author: string;
  /** GiB; 0: any size. */
  most: number;
  gated: '' | '0' | '1';
  /** The id of the result that is open. */
  open: string;
}

export const nothing: Wanted = {
  q: '',
  source: 'huggingface',
  sort: '',
  library: '',
  kind: '',
  author: '',
  most: 0,
  gated: '',
  open: '',
};

export function wantedOf(query: URLSearchParams): Wanted {
  const text = (name: string) => query.get(name) ?? '';
  const most = Number(text('max'));
  const gated = text('gated');
  return {
    q: text('q'),
    source: text('source') === 'civitai' ? 'civitai' : 'huggingface',
    sort: text('sort'),
    library: text('library'),
    kind: text('kind'),
    author: text('author'),
    most: Number.isInteger(most) && most > 0 ? most : 0,
    gated: gated === '0' || gated === '1' ? gated : '',
    open: text('open'),
  };
}

/** What stands after "?". */
export function queryOf(wanted: Wanted): string {
  const all: [string, string][] = [
    ['q', wanted.q],
    ['source', wanted.source === 'civitai' ? 'civitai' : ''],
    ['sort', wanted.sort],
    ['library', wanted.library],
    ['kind', wanted.kind],
    ['author', wanted.author],
    ['max', wanted.most > 0 ? String(wanted.most) : ''],
    ['gated', wanted.gated],
    ['open', wanted.open],
  ];
  return new URLSearchParams(all.filter(([, value]) => value !== '')).toString();
}

/** GGUF is what the engine of most machines loads: it is the library unless another is named. */
export const libraryOf = ({ source, library }: Wanted): string =>
  source === 'civitai' ? library : library === 'any' ? '' : library || 'gguf';

/** The query of a search; null: nothing was asked for yet, so no hub is asked. */
export function searchOf(wanted: Wanted): string | null {
  const { q, source, sort, kind, author, most, gated } = wanted;
  if (q.trim() === '' && sort === '' && author === '') return null;
  const all: [string, string][] = [
    ['source', source],
    ['q', q.trim()],
    ['sort', sort],
    ['library', libraryOf(wanted)],
    ['kind', kind],
    ['author', author],
    ['max_size_gb', most > 0 ? String(most) : ''],
    ['gated', gated],
  ];
  return new URLSearchParams(all.filter(([, value]) => value !== '')).toString();
}

/** Whether anything but the words leaves results out. */
export const isFiltered = ({ library, kind, author, most, gated }: Wanted): boolean =>
  library !== '' || kind !== '' || author !== '' || most > 0 || gated !== '';

/** One model of a hub, and what of it. */
export interface Place {
  source: Source;
  id: string;
  variant?: string;
  file?: string;
  revision?: string;
  /** Civitai. */
  version?: string;
}

export type Meaning =
  { is: 'words' } | { is: 'place'; place: Place } | { is: 'address'; url: string };

const part = (text: string | undefined): string => {
  try {
    return decodeURIComponent(text ?? '');
  } catch {
    return text ?? '';
  }
};

function ofHuggingFace(path: string): Place | null {
  const [org = '', name = '', verb, revision, ...rest] = path.split('/').filter(Boolean);
  if (org === '' || name === '' || ['api', 'datasets', 'spaces'].includes(org)) return null;
  const file = verb === 'blob' || verb === 'resolve' ? rest.map(part).join('/') : '';
  return {
    source: 'huggingface',
    id: `${part(org)}/${part(name)}`,
    ...(verb && revision && revision !== 'main' ? { revision: part(revision) } : {}),
    ...(file ? { file } : {}),
  };
}

/** A page of a model on Civitai; what names a version or a file alone, the server reads. */
function ofCivitai(url: URL): Place | null {
  const id = /^\/(?:api\/v1\/)?models\/(\d+)/.exec(url.pathname)?.[1];
  const version = url.searchParams.get('modelVersionId');
  return id ? { source: 'civitai', id, ...(version ? { version } : {}) } : null;
}

/** Words to search for, one model (ORG/NAME[:VARIANT][@REVISION]), or an address. */
export function meaningOf(typed: string, source: Source): Meaning {
  const text = typed.trim();
  if (/^(?:https?:\/\/)?(?:www\.)?(?:huggingface\.co|hf\.co|civitai\.com)\//i.test(text)) {
    const url = new URL(/^https?:/i.test(text) ? text : `https://${text}`);
    const place = /civitai/i.test(url.hostname) ? ofCivitai(url) : ofHuggingFace(url.pathname);
    return place ? { is: 'place', place } : { is: 'address', url: url.href };
  }
  if (/^https?:\/\/\S+$/i.test(text)) return { is: 'address', url: text };
  if (source === 'civitai')
    return /^\d+$/.test(text) ? { is: 'place', place: { source, id: text } } : { is: 'words' };
  const named = /^([\w.-]+\/[\w.-]+?)(?::([\w.-]+))?(?:@([\w./-]+))?$/.exec(text);
  const [, id, variant, revision] = named ?? [];
  if (!id) return { is: 'words' };
  return {
    is: 'place',
    place: { source, id, ...(variant ? { variant } : {}), ...(revision ? { revision } : {}) },
  };
}

/** The model that an address may name on a mirror of Hugging Face. */
export function guessOf(url: string): Place | null {
  try {
    return ofHuggingFace(new URL(url).pathname);
  } catch {
    return null;
  }
}
