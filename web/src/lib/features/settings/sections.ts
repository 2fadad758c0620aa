/** What the page shows in which place. What has no place here stands under "Other". */
import type { Setting, SettingsMap } from '$lib/state/settings.svelte';
import type { OptionType } from '$lib/ui/option';

export interface Named {
  key: string;
  name: string;
  unit?: string;
  isSecret?: boolean;
  /** One of a list. */
  item?: string;
}
export interface Card {
  title: string;
  about?: string;
  rows: readonly Named[];
}
export interface Section {
  id: string;
  label: string;
  cards: readonly Card[];
}

const BYTES = 'bytes';
export const sections: readonly Section[] = [
  {
    id: 'storage',
    label: 'Storage',
    cards: [
      {
        title: 'Model folders',
        rows: [
          { key: 'models_dirs', name: 'Folders', item: 'folder' },
          { key: 'library.sources', name: 'Stores of other programs', item: 'store' },
          { key: 'library.comfyui_dirs', name: 'ComfyUI folders', item: 'folder' },
          { key: 'library.archive_dir', name: 'Archive' },
        ],
      },
      {
        title: 'Library',
        rows: [
          { key: 'library.hashes', name: 'Compute digests' },
          { key: 'library.rescan_s', name: 'Rescan every', unit: 's' },
          { key: 'data_dir', name: 'Data folder' },
        ],
      },
    ],
  },
  {
    id: 'engines',
    label: 'Engines',
    cards: [
      {
        title: 'Loading',
        rows: [
          { key: 'models_max', name: 'Models at once' },
          { key: 'default_ttl_s', name: 'Unload when idle for', unit: 's' },
          { key: 'preload', name: 'Load at the start', item: 'model' },
          { key: 'engine_threads', name: 'Threads' },
        ],
      },
      {
        title: 'Making room',
        rows: [
          { key: 'drain_after_ms', name: 'Drain a busy model after', unit: 'ms' },
          { key: 'drain_timeout_ms', name: 'Time to finish', unit: 'ms' },
        ],
      },
      {
        title: 'Life',
        rows: [
          { key: 'health_interval_ms', name: 'Probe every', unit: 'ms' },
          { key: 'keep_engines', name: 'Keep running when Hearth ends' },
          { key: 'orphan_timeout_s', name: 'Outlive a vanished Hearth for', unit: 's' },
          { key: 'port_start', name: 'First port' },
        ],
      },
    ],
  },
  {
    id: 'hubs',
    label: 'Hubs',
    cards: [
      {
        title: 'Hugging Face',
        rows: [
          { key: 'huggingface.token', name: 'Token', isSecret: true },
          { key: 'huggingface.endpoint', name: 'Endpoint' },
          { key: 'huggingface.cache_dir', name: 'Cache folder' },
          { key: 'huggingface.organizations', name: 'Only from', item: 'organisation' },
          { key: 'huggingface.offline', name: 'Offline' },
        ],
      },
      {
        title: 'Civitai',
        rows: [
          { key: 'civitai.token', name: 'API key', isSecret: true },
          { key: 'civitai.endpoint', name: 'Endpoint' },
        ],
      },
    ],
  },
  {
    id: 'downloads',
    label: 'Downloads',
    cards: [
      {
        title: 'Downloads',
        rows: [
          { key: 'downloads.dir', name: 'Folder' },
          { key: 'downloads.max_concurrent', name: 'At the same time' },
          { key: 'downloads.connections', name: 'Connections for each file' },
          { key: 'downloads.stall_timeout_s', name: 'Give up when nothing arrives for', unit: 's' },
        ],
      },
      {
        title: 'Limits',
        rows: [
          { key: 'downloads.limit_bytes_per_s', name: 'Speed limit', unit: 'B/s' },
          { key: 'downloads.limit_hours', name: 'Hours of the limit' },
          { key: 'downloads.max_file_bytes', name: 'Largest file', unit: BYTES },
          { key: 'downloads.headroom_bytes', name: 'Leave free on the disk', unit: BYTES },
          { key: 'downloads.allow_http', name: 'Private addresses', item: 'address' },
        ],
      },
    ],
  },
  {
    id: 'access',
    label: 'Keys and access',
    cards: [
      {
        title: 'Address',
        about: 'where Hearth listens, and for whom',
        rows: [
          { key: 'host', name: 'Host' },
          { key: 'port', name: 'Port' },
          { key: 'base_path', name: 'Base path' },
          { key: 'allowed_hosts', name: 'Host names', item: 'name' },
          { key: 'cors_origins', name: 'Foreign origins', item: 'origin' },
          { key: 'trusted_proxies', name: 'Trusted proxies', item: 'address' },
        ],
      },
      {
        title: 'Limits of requests',
        rows: [
          { key: 'rate_limit_per_s', name: 'Requests of a client', unit: '/s' },
          { key: 'max_body_bytes', name: 'Largest body', unit: BYTES },
        ],
      },
    ],
  },
  {
    id: 'records',
    label: 'Logs and activity',
    cards: [
      {
        title: 'Log',
        rows: [
          { key: 'log_level', name: 'Least level' },
          { key: 'logs.console', name: 'To the console' },
          { key: 'logs.files', name: 'To files' },
          { key: 'logs.max_file_bytes', name: 'Length of a file', unit: BYTES },
          { key: 'logs.max_files', name: 'Files kept' },
          { key: 'logs.database', name: 'To the database' },
          { key: 'logs.max_stored', name: 'Entries stored' },
          { key: 'logs.memory', name: 'Entries in memory' },
        ],
      },
      {
        title: 'Activity',
        rows: [
          { key: 'activity.max_stored', name: 'Requests stored' },
          { key: 'activity.keep_days', name: 'Forget after', unit: 'days' },
          { key: 'activity.capture', name: 'Capture bodies' },
          { key: 'activity.capture_bytes', name: 'Memory for bodies', unit: BYTES },
        ],
      },
    ],
  },
  {
    id: 'live',
    label: 'Live connections',
    cards: [
      {
        title: 'Socket.IO',
        rows: [
          { key: 'socketio.ping_interval_ms', name: 'Ping every', unit: 'ms' },
          { key: 'socketio.ping_timeout_ms', name: 'Answer within', unit: 'ms' },
          { key: 'socketio.connect_timeout_ms', name: 'Join within', unit: 'ms' },
          { key: 'socketio.recovery_ms', name: 'Replay after a cut of', unit: 'ms' },
          { key: 'socketio.max_payload_bytes', name: 'Largest message', unit: BYTES },
          { key: 'conformance', name: 'Conformance endpoints' },
        ],
      },
    ],
  },
];

/** With what the daemon has and this page does not know yet. */
export function sectionsOf(all: SettingsMap): Section[] {
  const known = new Set(
    sections.flatMap(({ cards }) => cards.flatMap(({ rows }) => rows.map(({ key }) => key))),
  );
  const others = Object.keys(all)
    .filter((key) => !known.has(key))
    .map((key) => ({ key, name: key }));
  if (others.length === 0) return [...sections];
  return [
    ...sections,
    { id: 'other', label: 'Other', cards: [{ title: 'Other settings', rows: others }] },
  ];
}

/** The rows in which each word is found, in sections that have any. */
export function matching(all: readonly Section[], known: SettingsMap, text: string): Section[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const isHit = ({ key, name }: Named) => {
    const where = `${key} ${name} ${known[key]?.help ?? ''}`.toLowerCase();
    return words.every((word) => where.includes(word));
  };
  return all
    .map((section) => ({
      ...section,
      cards: section.cards
        .map((card) => ({ ...card, rows: card.rows.filter(isHit) }))
        .filter(({ rows }) => rows.length > 0),
    }))
    .filter(({ cards }) => cards.length > 0);
}

const types: Record<Setting['type'], OptionType> = {
  bool: 'switch',
  int: 'number',
  text: 'text',
  path: 'text',
  hours: 'text',
  choice: 'choice',
  list: 'list',
  paths: 'list',
};
export const typeOf = ({ type }: Setting): OptionType => types[type];

/** Why it cannot be changed here. */
export function lockOf({ is_editable, pinned_by }: Setting): string | undefined {
  if (pinned_by !== null) return `Set by ${pinned_by}.`;
  return is_editable ? undefined : 'Only in hearth.yaml, by variable or by flag.';
}

export const helpOf = ({ help, needs_restart }: Setting): string =>
  needs_restart ? `${help} Acts after a restart.` : help;
