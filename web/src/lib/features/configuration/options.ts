/** What llama.cpp's router is started with, as rows of the page. */
import type { LlamaConfig, LlamaStatus } from '$lib/api/schema';
import type { Bounds, OptionType } from '$lib/ui/option';
import type { State } from '$lib/ui/states';

export interface Row extends Bounds {
  key: keyof LlamaConfig;
  name: string;
  flag?: string;
  help: string;
  type: OptionType;
  unit?: string;
  isPlain?: boolean;
  isSecret?: boolean;
  isWide?: boolean;
  /** There is always a value: none is no default of the engine's. */
  isAlways?: boolean;
  /** Only of one that Hearth starts, or only of one that it attaches to. */
  only?: 'launched' | 'attached';
}

export const rows: readonly Row[] = [
  {
    key: 'attach',
    name: 'Attach',
    help: 'A server that runs already at the address is read, and never ended.',
    type: 'switch',
  },
  {
    key: 'host',
    isAlways: true,
    name: 'Host',
    flag: '--host',
    help: 'A loopback address.',
    type: 'text',
  },
  {
    key: 'port',
    isAlways: true,
    name: 'Port',
    flag: '--port',
    help: '0: a free one at each start.',
    type: 'number',
    isWhole: true,
    isPlain: true,
    min: 0,
    max: 65535,
  },
  {
    key: 'api_key',
    name: 'Key',
    help: 'Of the server that runs already.',
    type: 'text',
    isSecret: true,
    isWide: true,
    only: 'attached',
  },
  {
    key: 'models_dir',
    isAlways: true,
    name: 'Models',
    flag: '--models-dir',
    help: 'A folder below those of the library.',
    type: 'text',
    isWide: true,
    only: 'launched',
  },
  {
    key: 'preset',
    name: 'Preset',
    flag: '--models-preset',
    help: 'Options for all models and for each.',
    type: 'choice',
    only: 'launched',
  },
  {
    key: 'models_max',
    name: 'Models at once',
    flag: '--models-max',
    help: '0: no limit.',
    type: 'number',
    isWhole: true,
    min: 0,
    only: 'launched',
  },
  {
    key: 'parallel',
    name: 'Slots',
    flag: '--parallel',
    help: 'Requests that a model answers at once.',
    type: 'number',
    isWhole: true,
    only: 'launched',
  },
  {
    key: 'ctx_size',
    name: 'Context',
    flag: '-c',
    help: 'Tokens; 0: as the model has it.',
    type: 'number',
    isWhole: true,
    min: 0,
    only: 'launched',
  },
  {
    key: 'n_gpu_layers',
    name: 'Layers on the GPU',
    flag: '-ngl',
    help: 'A number, auto or all.',
    type: 'number',
    isWhole: true,
    words: ['auto', 'all'],
    only: 'launched',
  },
  {
    key: 'threads',
    name: 'Threads',
    flag: '--threads',
    help: 'Of the computation.',
    type: 'number',
    isWhole: true,
    only: 'launched',
  },
  {
    key: 'threads_http',
    name: 'Threads for HTTP',
    flag: '--threads-http',
    help: 'That answer requests.',
    type: 'number',
    isWhole: true,
    only: 'launched',
  },
  {
    key: 'batch_size',
    name: 'Batch',
    flag: '--batch-size',
    help: 'Tokens of the prompt that are read at once.',
    type: 'number',
    isWhole: true,
    min: 1,
    only: 'launched',
  },
  {
    key: 'temp',
    name: 'Temperature',
    flag: '--temp',
    help: 'Where a request says none.',
    type: 'number',
    min: 0,
    only: 'launched',
  },
  {
    key: 'repeat_penalty',
    name: 'Repeat penalty',
    flag: '--repeat-penalty',
    help: 'Where a request says none.',
    type: 'number',
    min: 0,
    only: 'launched',
  },
  {
    key: 'metrics',
    name: 'Metrics',
    flag: '--metrics',
    help: 'Serve its own /metrics.',
    type: 'switch',
    only: 'launched',
  },
  {
    key: 'auto_start',
    name: 'Start with Hearth',
    help: 'Without being asked.',
    type: 'switch',
  },
];

export const rowsFor = (isAttached: boolean): Row[] =>
  rows.filter(({ only }) => only === undefined || (only === 'attached') === isAttached);

/** The face of a model that the router has. */
export function stateOf(status: string): State {
  switch (status) {
    case 'loaded':
      return 'ready';
    case 'loading':
      return 'loading';
    case 'sleeping':
      return 'paused';
    case 'error':
    case 'failed':
      return 'failed';
    default:
      return 'stopped';
  }
}

export const isUp = ({ state }: LlamaStatus): boolean => !['stopped', 'failed'].includes(state);
