/** The charts there are: what they are made of, in which unit, and why one may be empty. */
import type { Sample } from '$lib/api/schema';
import type { Values } from '$lib/state/points';
import { compareNames } from '$lib/state/names';

export interface Line {
  label: string;
  unit: string;
  /** Of the history that are needed for it. */
  series: readonly string[];
  of: (values: Values) => number | null;
}
export interface Panel {
  id: string;
  title: string;
  /** Beside the title. */
  about: string;
  lines: readonly Line[];
  /** Over the page's whole width. */
  isWide?: boolean;
  /** Top of the scale. */
  max?: number;
  /** Why nothing can be measured, if that is so. */
  why?: string | undefined;
}

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const LINES_MAX = 4; // that can be told apart

const plain = (label: string, unit: string, name: string, scale = 1): Line => ({
  label,
  unit,
  series: [name],
  of: (values) => (values[name] === undefined ? null : values[name] / scale),
});

/** The first of the two that is measured. */
const either = (label: string, first: string, second: string): Line => ({
  label,
  unit: '',
  series: [first, second],
  of: (values) => values[first] ?? values[second] ?? null,
});

/** A part that is used: of a whole and what is free of it. */
const used = (label: string, total: string, free: string): Line => ({
  label,
  unit: 'GiB',
  series: [total, free],
  of: (values) =>
    values[total] === undefined || values[free] === undefined
      ? null
      : (values[total] - values[free]) / GIB,
});

const share = (label: string, part: string, whole: string): Line => ({
  label,
  unit: '%',
  series: [part, whole],
  of: (values) =>
    values[part] === undefined || !values[whole] ? null : (100 * values[part]) / values[whole],
});

export interface ServerName {
  id: string;
  name: string;
}

const byName = (a: ServerName, b: ServerName) => compareNames(a.name, b.name);

/** Lines are told apart by their names: of several deleted ones with one name the ids are shown. */
function distinct(all: readonly ServerName[]): ServerName[] {
  const names = all.map(({ name }) => name);
  return all.map(({ id, name }) => ({
    id,
    name: names.indexOf(name) === names.lastIndexOf(name) ? name : `${name} ${id.slice(-6)}`,
  }));
}

/**
 * The servers that have charts: those that run, then those that ran, the deleted ones last. In the
 * order of their names while all can be told apart, so that none changes its colour when it stops.
 * `ran` has the names they had.
 */
export function measuredOf(
  running: readonly { profile_id: string; profile_name: string }[],
  known: readonly ServerName[],
  ran: ReadonlyMap<string, string | null>,
): ServerName[] {
  const now = running.map(({ profile_id: id, profile_name: name }) => ({ id, name }));
  const others = [...ran].filter(([id]) => !now.some((one) => one.id === id));
  const rest = known.filter(({ id }) => others.some(([other]) => other === id));
  const deleted = others
    .filter(([id]) => !rest.some((one) => one.id === id))
    .map(([id, name]) => ({ id, name: `${name ?? id} (deleted)` }));
  const groups = [now, rest, deleted].map((group) => group.toSorted(byName));
  const all = distinct(groups.flat());
  return all.length <= LINES_MAX ? all.toSorted(byName) : all;
}

function machine({ readings, unknown }: Sample): Panel[] {
  const total = readings.memory_total_bytes;
  return [
    {
      id: 'tokens',
      title: 'Tokens per second',
      about: 'all servers',
      isWide: true,
      lines: [
        plain('Output', 'tok/s', 'completion_tokens_per_s'),
        plain('Prompt', 'tok/s', 'prompt_tokens_per_s'),
      ],
    },
    {
      id: 'requests',
      title: 'Requests',
      about: 'that ended, each second',
      lines: [plain('Requests', '/s', 'requests_per_s')],
    },
    {
      id: 'cpu',
      title: 'CPU',
      about: 'the machine; Hearth, of one core',
      max: 100,
      why: unknown.cpu,
      lines: [plain('All', '%', 'cpu_percent'), plain('Hearth', '%', 'hearth_cpu_percent')],
    },
    {
      id: 'load',
      title: 'Load',
      about: 'runnable processes',
      why: unknown.load,
      lines: [
        plain('1 min', '', 'load_1m'),
        plain('5 min', '', 'load_5m'),
        plain('15 min', '', 'load_15m'),
      ],
    },
    {
      id: 'memory',
      title: 'Memory',
      about: total === null ? '' : `${(total / GIB).toFixed(1)} GiB`,
      why: unknown.memory,
      ...(total === null ? {} : { max: total / GIB }),
      lines: [
        plain('Used', 'GiB', 'memory_used_bytes', GIB),
        plain('Swap', 'GiB', 'swap_used_bytes', GIB),
        plain('Hearth', 'GiB', 'hearth_rss_bytes', GIB),
      ],
    },
    {
      id: 'disk',
      title: 'Disk',
      about: 'in use',
      why: [unknown.models_disk, unknown.data_disk].filter(Boolean).join('; ') || undefined,
      lines: [
        used('Models', 'models_disk_total_bytes', 'models_disk_free_bytes'),
        used('Data', 'data_disk_total_bytes', 'data_disk_free_bytes'),
      ],
    },
    {
      id: 'network',
      title: 'Network',
      about: 'all interfaces but loopback',
      why: unknown.network,
      lines: [
        plain('Received', 'MiB/s', 'network_received_bytes_per_s', MIB),
        plain('Sent', 'MiB/s', 'network_sent_bytes_per_s', MIB),
      ],
    },
  ];
}

function gpus({ gpus: all, unknown }: Sample): Panel[] {
  if (all.length === 0)
    return unknown.gpus === undefined
      ? []
      : [{ id: 'gpu', title: 'GPU', about: '', lines: [], why: unknown.gpus }];
  return all.flatMap(({ name }, i) => {
    const of = (reading: string) => `gpu.${i}.${reading}`;
    const title = all.length > 1 ? `GPU ${i}` : 'GPU';
    return [
      {
        id: `gpu-${i}`,
        title,
        about: name,
        max: 100,
        lines: [
          plain('Use', '%', of('busy_percent')),
          share('Memory', of('memory_used_bytes'), of('memory_total_bytes')),
        ],
      },
      {
        id: `gpu-${i}-heat`,
        title: `${title}: heat and power`,
        about: name,
        lines: [
          plain('Temperature', '°C', of('temperature_c')),
          plain('Power', 'W', of('power_w')),
        ],
      },
    ];
  });
}

/** The same reading of several servers: as many as can be told apart. */
function perServer(
  id: string,
  title: string,
  about: string,
  servers: readonly ServerName[],
  line: (of: string, name: string) => Line,
): Panel {
  const n = servers.length;
  return {
    id,
    title,
    about: n > LINES_MAX ? `${about}, ${LINES_MAX} of ${n} servers` : about,
    lines: servers.slice(0, LINES_MAX).map((one) => line(`server.${one.id}.`, one.name)),
  };
}

function engines(sample: Sample, servers: readonly ServerName[]): Panel[] {
  if (servers.length === 0) return [];
  const speed = perServer(
    'server-tokens',
    'Output by server',
    'as engines tell',
    servers,
    (of, name) => plain(name, 'tok/s', `${of}completion_tokens_per_s`),
  );
  const silent = sample.servers.find(
    ({ profile_id: id, engine }) => engine.error !== null && servers.some((one) => one.id === id),
  );
  return [
    perServer('server-cpu', 'CPU by server', 'of one core', servers, (of, name) =>
      plain(name, '%', `${of}cpu_percent`),
    ),
    perServer('server-rss', 'Memory by server', 'resident', servers, (of, name) =>
      plain(name, 'GiB', `${of}rss_bytes`, GIB),
    ),
    {
      ...perServer('server-gpu', 'GPU memory by server', '', servers, (of, name) =>
        plain(name, 'GiB', `${of}gpu_memory_bytes`, GIB),
      ),
      why: sample.unknown.gpu_users ?? sample.unknown.gpus,
    },
    { ...speed, why: silent?.engine.error ?? undefined },
    perServer('server-active', 'Requests by server', 'at work in the engine', servers, (of, name) =>
      either(name, `${of}requests_active`, `${of}slots_busy`),
    ),
    perServer('server-waiting', 'Waiting by server', 'in the engine', servers, (of, name) =>
      plain(name, '', `${of}requests_waiting`),
    ),
  ];
}

export const panelsOf = (sample: Sample, servers: readonly ServerName[]): Panel[] => [
  ...machine(sample),
  ...gpus(sample),
  ...engines(sample, servers),
];

export const seriesOf = (panels: readonly Panel[]): string[] => [
  ...new Set(panels.flatMap(({ lines }) => lines.flatMap(({ series }) => series))),
];
