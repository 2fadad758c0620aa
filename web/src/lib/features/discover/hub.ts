/** What hubs say, as this page shows it. */
import type { Download, DownloadOrder, Fit, HubFiles, Model } from '$lib/api/schema';
import type { Problem } from '$lib/api/problem';
import type { State } from '$lib/ui/states';
import type { Place, Source } from './wanted';

/** A row of a search. */
export interface Found {
  source: Source;
  model_id: string;
  author?: string | null;
  name: string;
  downloads?: number | null;
  likes?: number | null;
  gated?: boolean | string | null;
  library?: string | null;
  kind?: string | null;
  last_modified?: string | null;
  size_bytes?: number | null;
  is_downloaded?: boolean;
}

/** What can be downloaded by itself: a quantization, a file, or all of it. */
export interface Choice {
  key: string;
  label: string;
  facts: string;
  size: number | null;
  /** The first of them stands for all. */
  files: readonly string[];
  order: DownloadOrder;
  /** The query of its fit; null: nobody can tell. */
  fit: string | null;
}

/** The context that fits are told for. */
export const CTX = 16384;

const plural = (n: number, word: string) => `${n} ${word}${n === 1 ? '' : 's'}`;

export function choicesOf(got: HubFiles, place: Place): Choice[] {
  if (place.source === 'civitai')
    return got.files.map((file) => ({
      key: file.file_id ?? file.path,
      label: file.path,
      facts: [file.type, file.format, file.precision].filter(Boolean).join(', '),
      size: file.size,
      files: [file.path],
      order: {
        source: 'civitai',
        model_id: got.model_id,
        version_id: got.revision,
        ...(file.file_id ? { file_id: file.file_id } : {}),
      },
      fit: null,
    }));
  const revision: Record<string, string> = place.revision ? { revision: place.revision } : {};
  const query = (more: Record<string, string>) =>
    new URLSearchParams({ model_id: got.model_id, ...more, ...revision }).toString();
  const order = { source: 'huggingface' as const, model_id: got.model_id, ...revision };
  const all = got.variants
    .toSorted((a, b) => a.size_bytes - b.size_bytes)
    .map(({ name, files, size_bytes }): Choice => ({
      key: name,
      label: name,
      facts: files.length > 1 ? `${files.length} parts` : '',
      size: size_bytes,
      files: files.map(({ path }) => path),
      order: { ...order, variant: name },
      fit: query({ variant: name }),
    }));
  const { file } = place;
  const own = got.files.find(({ path }) => path === file);
  if (own && !all.some(({ files }) => files.includes(own.path)))
    all.unshift({
      key: own.path,
      label: own.path,
      facts: 'one file',
      size: own.size,
      files: [own.path],
      order: { ...order, files: [own.path] },
      fit: /\.gguf$/i.test(own.path) ? query({ file: own.path }) : null,
    });
  if (all.length === 0 && got.files.length > 0)
    all.push({
      key: '',
      label: 'Whole model',
      facts: `of ${plural(got.files.length, 'file')}`,
      size: null,
      files: [],
      order,
      fit: query({}),
    });
  return all;
}

/** The one that an address or a name asks for. */
export const pickedOf = (choices: readonly Choice[], place: Place): Choice | undefined =>
  choices.find(
    ({ label, files }) =>
      (place.variant && label.toLowerCase() === place.variant.toLowerCase()) ||
      (place.file && files.includes(place.file)),
  );

/* ---- fit ---- */

/** What the running models hold: of the GPUs, of the machine. */
export interface Held {
  gpu: number;
  ram: number;
}

const needing = (fit: Fit) => fit.devices.filter(({ needed_bytes }) => needed_bytes > 0);

/** null: the machine does not tell. */
export function verdictOf(fit: Fit, held: Held): State | null {
  if (fit.fits === 'yes') return 'fits';
  if (fit.fits === 'tight') return 'tight';
  if (fit.fits === 'unknown') return null;
  const devices = needing(fit);
  const gpus = devices.filter(({ name }) => name !== 'RAM').length;
  // Which of several GPUs a model lies on is not told.
  const isAfterUnload =
    gpus <= 1 &&
    devices.length > 0 &&
    devices.every(
      ({ name, needed_bytes, available_bytes, fits }) =>
        fits !== 'no' ||
        needed_bytes <= (available_bytes ?? 0) + (name === 'RAM' ? held.ram : held.gpu),
    );
  return isAfterUnload ? 'after_unload' : 'too_large';
}

/** The device that is filled most. */
export function fullest(fit: Fit): { name: string; needed: number; limit: number } | null {
  return (
    needing(fit)
      .flatMap(({ name, needed_bytes: needed, total_bytes: limit }) =>
        limit ? [{ name, needed, limit }] : [],
      )
      .toSorted((a, b) => b.needed / b.limit - a.needed / a.limit)[0] ?? null
  );
}

/** The largest that fits alone. */
export function suggestedOf(
  choices: readonly Choice[],
  verdict: (key: string) => State | null | undefined,
): string | null {
  const fitting = choices.filter(({ key }) =>
    ['fits', 'after_unload'].includes(verdict(key) ?? ''),
  );
  return fitting.toSorted((a, b) => (b.size ?? 0) - (a.size ?? 0))[0]?.key ?? null;
}

/* ---- what is here, and what is on its way ---- */

/** Whether a model of the library came from there. */
export function isOf(model: Model, source: Source, id: string): boolean {
  if (source === 'civitai') return model.civitai_model_id === Number(id);
  const folder = id.toLowerCase();
  return [model.path, ...model.other_paths].some((path) => {
    const text = path.toLowerCase();
    return text.includes(`/models--${folder.replace('/', '--')}/`) || text.includes(`/${folder}/`);
  });
}

/** `ours`: models of the library that came from there. */
export function isHere(choice: Choice, ours: readonly Model[]): boolean {
  if (choice.files.length === 0) return ours.length > 0;
  const { version_id } = choice.order;
  return ours.some(
    (model) =>
      (version_id === undefined || model.civitai_version_id === Number(version_id)) &&
      [model.path, ...model.other_paths].some((path) =>
        choice.files.some((file) => path.endsWith(`/${file}`)),
      ),
  );
}

const isSame = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

/** The newest download of it. */
export function taskOf(
  choice: Choice,
  source: Source,
  id: string,
  downloads: readonly Download[],
): Download | undefined {
  const { variant, version_id } = choice.order;
  return downloads
    .filter(
      (task) =>
        task.source === source &&
        isSame(task.model_id, id) &&
        (version_id === undefined || task.revision === String(version_id)) &&
        (choice.files.length === 0 ||
          task.files.some(({ path }) => choice.files.includes(path)) ||
          (variant !== undefined && isSame(task.variant, variant))),
    )
    .toSorted((a, b) => (b.created_at_ms ?? 0) - (a.created_at_ms ?? 0))[0];
}

/* ---- why not ---- */

export const isOffline = ({ message }: Problem): boolean => /huggingface\.offline/.test(message);

/** What stands above the hub's own words. */
export function refusalOf({ message }: Problem, id: string): string | null {
  if (/early access/i.test(message)) return `${id} is in early access`;
  if (/refuses the token/.test(message)) return "The hub refuses Hearth's token";
  if (/is gated/.test(message))
    return /token has no access/.test(message)
      ? `${id} is gated, and Hearth's token has no access`
      : `${id} is gated, and Hearth has no token`;
  if (/is private/.test(message)) return `${id} is private, or does not exist`;
  if (/wants a token|logged in/.test(message)) return 'The hub wants a token';
  return null;
}

/** Its page: where Hearth says that terms are accepted (a mirror's, too), or the usual one. */
export const pageOf = (source: Source, id: string, message = ''): string =>
  /accept its terms at (https?:\/\/[^\s,]+)/.exec(message)?.[1] ??
  (source === 'civitai' ? `https://civitai.com/models/${id}` : `https://huggingface.co/${id}`);

export const hubName = (source: Source): string =>
  source === 'civitai' ? 'Civitai' : 'Hugging Face';

/** 1234567 as "1.2 M". */
export function many(n: number | null | undefined): string {
  if (n === null || n === undefined) return '–';
  if (n >= 1e6) return `${(n / 1e6).toFixed(1)}\u2009M`;
  if (n >= 1e4) return `${Math.round(n / 1e3)}\u2009K`;
  return String(n);
}

/** Those of `models` that are not in `known`, each once: a hub moves rows while pages are turned. */
export function fresh(models: readonly Found[], known: readonly Found[] = []): Found[] {
  const seen = new Set(known.map(({ model_id }) => model_id));
  return models.filter(({ model_id }) => {
    const isNew = !seen.has(model_id);
    seen.add(model_id);
    return isNew;
  });
}
