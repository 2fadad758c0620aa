/** The models that are wanted, in their order, with the headings of their groups. Pure. */
import type { Model } from '$lib/api/schema';
import { familyOf, kindWord } from '$lib/state/kinds';
import { compareNames, nameKey } from '$lib/state/names';
import type { GroupBy, Wanted } from './wanted';

export interface Heading {
  heading: string;
  n: number;
}
export type Line = Model | Heading;
export const isHeading = (line: Line): line is Heading => 'heading' in line;
export const keyOf = (line: Line): string => (isHeading(line) ? `group ${line.heading}` : line.id);

/** What words are looked for in, and what it is sorted by; made once for each model that is told. */
const texts = new WeakMap<Model, { all: string; name: string }>();
function textOf(model: Model): { all: string; name: string } {
  let text = texts.get(model);
  if (!text) {
    const all = [
      model.name,
      model.title,
      model.architecture,
      model.base_model,
      model.quantization,
      model.path,
      model.sha256,
      ...model.tags,
      ...model.trigger_words,
    ];
    text = { all: all.join('\n').toLowerCase(), name: nameKey(model.name) };
    texts.set(model, text);
  }
  return text;
}

function test(wanted: Wanted, isTooLarge: (id: string) => boolean): (model: Model) => boolean {
  const words = wanted.q.toLowerCase().split(/\s+/).filter(Boolean);
  const { kind, arch, quant, tag, category } = wanted;
  return (model) =>
    (kind === '' || model.kind === kind || familyOf(model.kind) === kind) &&
    (arch === '' || model.architecture === arch) &&
    (quant === '' || model.quantization === quant) &&
    (category === '' || model.category === category) &&
    (tag === '' || model.tags.includes(tag)) &&
    (!wanted.isFavourite || model.is_favourite) &&
    (!wanted.isCopied || model.n_locations > 1) &&
    (!wanted.isFitting || !isTooLarge(model.id)) &&
    words.every((word) => textOf(model).all.includes(word));
}

type Key = string | number;
const sortKeys: Record<string, (model: Model) => Key> = {
  name: (model) => textOf(model).name,
  architecture: (model) => (model.architecture || model.base_model).toLowerCase(),
  n_parameters: (model) => model.n_parameters,
  quantization: (model) => model.quantization.toLowerCase(),
  context_length: (model) => model.context_length,
  size_bytes: (model) => model.size_bytes,
  modified_at_ms: (model) => model.modified_at_ms,
};
const less = (a: Key, b: Key) => (a < b ? -1 : a > b ? 1 : 0);

function order({ sort }: Wanted): (a: Model, b: Model) => number {
  const key = (Object.hasOwn(sortKeys, sort.by) && sortKeys[sort.by]) || nameOf;
  const way = sort.isDescending ? -1 : 1;
  return (a, b) =>
    way * less(key(a), key(b)) || less(textOf(a).name, textOf(b).name) || less(a.id, b.id);
}
const nameOf = (model: Model): Key => textOf(model).name;

const groupWords: Record<Exclude<GroupBy, ''>, (model: Model) => string> = {
  kind: (model) => kindWord(model.kind),
  architecture: (model) => model.architecture || 'Unknown architecture',
  quantization: (model) => model.quantization || 'Unknown quantization',
  base_model: (model) => model.base_model || 'Unknown base model',
  source: (model) => model.source,
  category: (model) => (model.category === 'archive' ? 'Archive' : 'Active'),
};

export function select(
  models: readonly Model[],
  wanted: Wanted,
  isTooLarge: (id: string) => boolean,
): Model[] {
  return models.filter(test(wanted, isTooLarge)).sort(order(wanted));
}

/** The same with a heading before each group; groups by name, what is unknown last. */
export function grouped(models: readonly Model[], by: GroupBy): Line[] {
  if (by === '') return [...models];
  const wordOf = groupWords[by];
  const groups = new Map<string, Model[]>();
  for (const model of models) {
    const word = wordOf(model);
    const group = groups.get(word);
    if (group) group.push(model);
    else groups.set(word, [model]);
  }
  const isUnknown = (word: string) => Number(word.startsWith('Unknown'));
  return [...groups]
    .sort(([a], [b]) => isUnknown(a) - isUnknown(b) || compareNames(a, b))
    .flatMap(([heading, all]): Line[] => [{ heading, n: all.length }, ...all]);
}

export interface Facets {
  families: Map<string, number>;
  /** How many lie in several places. */
  nCopied: number;
  kinds: string[];
  archs: string[];
  quants: string[];
  tags: string[];
}

/** What there is to choose from. */
export function facets(models: readonly Model[]): Facets {
  const families = new Map<string, number>();
  let nCopied = 0;
  const sets = [
    new Set<string>(),
    new Set<string>(),
    new Set<string>(),
    new Set<string>(),
  ] as const;
  for (const model of models) {
    const family = familyOf(model.kind);
    families.set(family, (families.get(family) ?? 0) + 1);
    nCopied += Number(model.n_locations > 1);
    sets[0].add(model.kind);
    sets[1].add(model.architecture);
    sets[2].add(model.quantization);
    for (const tag of model.tags) sets[3].add(tag);
  }
  const [kinds, archs, quants, tags] = sets.map((set) =>
    [...set].filter(Boolean).sort(compareNames),
  );
  return {
    families,
    nCopied,
    kinds: kinds ?? [],
    archs: archs ?? [],
    quants: quants ?? [],
    tags: tags ?? [],
  };
}
