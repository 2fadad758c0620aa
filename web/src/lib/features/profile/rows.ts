/** The rows of the form: fields of a profile, then the options of its engine. */
import type { EngineOption, Manifest } from '$lib/state/engines.svelte';
import type { OptionType } from '$lib/ui/option';

export interface Row {
  /** As the API names it: "queue_size", "options.ctx_size". */
  field: string;
  group: string;
  name: string;
  flag?: string | undefined;
  help?: string | undefined;
  type: OptionType;
  fallback?: string | undefined;
  choices?: readonly string[];
  min?: number | undefined;
  max?: number | undefined;
  isWhole?: boolean;
  words?: readonly string[];
  isWide?: boolean;
  isSecret?: boolean;
  item?: string;
  unit?: string;
  /** It decides what is run: not everybody may set it. */
  executes?: boolean;
}

/** How parts of keys are spelt; '' leaves one out. */
const spelling: Record<string, string> = {
  n: '',
  ctx: 'context',
  gpu: 'GPU',
  cpu: 'CPU',
  kv: 'KV',
  k: 'K',
  v: 'V',
  p: 'p',
  http: 'HTTP',
  moe: 'MoE',
  lora: 'LoRA',
  mmproj: 'projector',
  mm: 'multimodal',
  rope: 'RoPE',
  yarn: 'YaRN',
  xtc: 'XTC',
  dry: 'DRY',
  lr: 'learning rate',
  ent: 'entropy',
  orig: 'original',
  freq: 'frequency',
  attn: 'attention',
  temp: 'temperature',
  dynatemp: 'dynamic temperature',
  exp: 'exponent',
  spec: 'speculation',
  embd: 'embedding',
  ubatch: 'physical batch',
  prio: 'priority',
  perf: 'performance',
  sse: 'SSE',
  eos: 'end of text',
  swa: 'sliding window',
  vae: 'VAE',
  cfg: 'CFG',
  vad: 'VAD',
  api: 'API',
  thold: 'threshold',
  len: 'length',
  num: '',
  seqs: 'sequences',
};

/** "n_gpu_layers" is "GPU layers". */
export function nameOf(key: string): string {
  const words = key.split('_').map((part) => spelling[part] ?? part);
  const text = words.filter(Boolean).join(' ');
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

const types: Record<EngineOption['type'], OptionType> = {
  int: 'number',
  real: 'number',
  text: 'text',
  bool: 'switch',
  choice: 'choice',
  path: 'text',
  list: 'list',
};

export function optionRow(option: EngineOption): Row {
  const isNumber = option.type === 'int' || option.type === 'real';
  const choices = option.choices ?? [];
  return {
    field: `options.${option.key}`,
    group: option.group ?? 'other',
    name: nameOf(option.key),
    flag: option.flag ?? undefined,
    help: option.help ?? undefined,
    type: types[option.type],
    fallback: option.default ?? undefined,
    choices: option.type === 'choice' ? choices : [],
    words: isNumber ? choices : [],
    min: option.min,
    max: option.max,
    isWhole: option.type === 'int',
    isWide: option.type === 'path',
    isSecret: option.secret ?? false,
    executes: option.executes ?? false,
  };
}

/** What Hearth itself does with a server; the rest of its fields have places of their own. */
export const own: readonly Row[] = [
  {
    field: 'description',
    name: 'Description',
    help: 'For people.',
    type: 'text',
    isWide: true,
  },
  {
    field: 'host',
    name: 'Address',
    help: 'Loopback address that the engine listens on.',
    type: 'text',
  },
  {
    field: 'max_concurrency',
    name: 'Requests at once',
    help: 'In the engine; 0: as many as it has slots.',
    type: 'number',
    isWhole: true,
  },
  {
    field: 'queue_size',
    name: 'Queue',
    help: 'Requests that may wait; more are refused.',
    type: 'number',
    isWhole: true,
  },
  {
    field: 'queue_timeout_s',
    name: 'Longest wait',
    help: 'For a free slot.',
    type: 'number',
    isWhole: true,
    unit: 's',
  },
  {
    field: 'load_timeout_s',
    name: 'Longest load',
    help: 'From start to ready, after which the start has failed.',
    type: 'number',
    isWhole: true,
    unit: 's',
  },
  {
    field: 'orphan_timeout_s',
    name: 'Life without Hearth',
    help: 'How long the engine outlives a vanished Hearth; -1: as the settings say.',
    type: 'number',
    isWhole: true,
    unit: 's',
  },
  {
    field: 'env',
    name: 'Environment',
    help: 'Variables added for the engine, each as NAME=value; *** keeps what is stored.',
    type: 'list',
    item: 'variable',
    executes: true,
  },
].map((row) => ({ ...row, group: 'requests' }) as Row);

const titles: Record<string, string> = { requests: 'Requests and process' };

export const groupTitle = (group: string): string => titles[group] ?? nameOf(group);

/** Looked at first; whatever engine has them. */
const common: ReadonlySet<string> = new Set(
  [
    'ctx_size',
    'n_gpu_layers',
    'cache_type_k',
    'cache_type_v',
    'flash_attn',
    'threads',
    'parallel',
    'batch_size',
    'mmproj',
    'jinja',
    'reasoning_format',
    'embeddings',
    'temp',
    'top_p',
    'top_k',
    'max_model_len',
    'dtype',
    'quantization',
    'tensor_parallel_size',
    'gpu_memory_utilization',
    'context_length',
    'model_type',
    'tool_call_parser',
    'reasoning_parser',
    'message_converter',
    'trust_remote_code',
    'language',
    'translate',
    'vae',
    'steps',
    'cfg_scale',
    'width',
    'height',
    'models_max',
    'models_autoload',
    'preset',
    'ready_path',
    'api_key',
  ].map((key) => `options.${key}`),
);

export const isCommon = (row: Row): boolean => common.has(row.field);

/** All rows: the engine's, in its order, then Hearth's; last what the engine does not have. */
export function rowsOf(manifest: Manifest | undefined, set: readonly string[]): Row[] {
  const rows = [...(manifest?.options ?? []).map(optionRow), ...own];
  const known = new Set(rows.map((row) => row.field));
  const stray = set
    .filter((field) => field.startsWith('options.') && !known.has(field))
    .map<Row>((field) => ({
      field,
      group: 'other',
      name: nameOf(field.slice(8)),
      flag: field.slice(8),
      type: 'text',
    }));
  return [...rows, ...stray];
}

/** Every word is in name, flag, key or help. */
export function isFound(row: Row, words: string): boolean {
  const text = `${row.name} ${row.flag ?? ''} ${row.field} ${row.help ?? ''}`.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
