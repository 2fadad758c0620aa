/** The live wire: what may be asked, and what everybody is told (Socket.IO at /llamaproxws). */
import type {
  Activity,
  ActiveRequest,
  Download,
  LogEntry,
  Model,
  Profile,
  Sample,
  Server,
  SystemInfo,
} from './schema';

/** A log entry as this wire spells it. */
export interface LogLine {
  id?: LogEntry['id'];
  level: LogEntry['level'];
  message: string;
  source: string;
  /** Unix time in milliseconds. */
  timestamp: number;
}

export interface Used {
  /** Percent. */
  used: number | null;
  usedBytes: number | null;
  totalBytes: number | null;
}

export interface Metrics {
  cpu: { usage: number | null };
  memory: Used;
  swap: Used;
  disk: Used;
  /** Seconds since the daemon's start. */
  uptime: number;
  timestamp: number;
  sample: Sample;
}

export interface ServerChange {
  profile_id: string;
  state: Server['state'];
}

export interface ActivityNews {
  /** Began or changed. */
  active: ActiveRequest[];
  /** The newest of them, the oldest first. */
  ended: Activity[];
  /** Ids of further ones that were told as under way. */
  gone: number[];
  /** All that ended, rows or not. */
  n_ended: number;
  /** All rows from before were forgotten. */
  is_cleared: boolean;
}

interface ById {
  id: string;
}

/** Event: [what is sent, what `data` of the answer is]. Further events of the wire go here. */
export interface Requests {
  'servers:list': [undefined, { servers: Server[] }];
  'servers:get': [ById, { server: Server }];
  'servers:start': [ById, ServerChange];
  'servers:stop': [ById, ServerChange];
  'servers:restart': [ById, ServerChange];
  'profiles:list': [undefined, { profiles: Profile[] }];
  'profiles:create': [{ profile: Record<string, unknown> }, { profile: Profile }];
  'profiles:update': [ById & { updates: Record<string, unknown> }, { profile: Profile }];
  'profiles:delete': [ById, { deletedId: string }];
  'models:list': [undefined, { models: Model[] }];
  'models:get': [ById, { model: Model }];
  'models:scan': [undefined, { scanned: number; updated: number; total: number; errors: number }];
  'models:toggle-favorite': [ById & { favorite: boolean }, { model: Model }];
  'models:delete': [ById, { deletedId: string }];
  'downloads:list': [undefined, { downloads: Download[] }];
  'downloads:pause': [ById, { download: Download }];
  'downloads:resume': [ById, { download: Download }];
  'downloads:retry': [ById, { download: Download }];
  'downloads:cancel': [ById, { download: Download }];
  'downloads:create': [Record<string, unknown>, { download: Download }];
  'activity:active': [undefined, { active: ActiveRequest[] }];
  'activity:cancel': [{ id: number }, unknown];
  'logs:get': [{ limit?: number }, { logs: LogLine[] }];
  'logs:clear': [undefined, { cleared: boolean }];
  'metrics:get': [undefined, { metrics: Metrics | null }];
  'metrics:subscribe': [{ interval: number }, { interval: number }];
  'settings:get': [undefined, { settings: Record<string, unknown> }];
  'settings:update': [{ settings: Record<string, unknown> }, { settings: Record<string, unknown> }];
  'system:info': [undefined, SystemInfo];
}

/** Event: `data` of the broadcast. */
export interface Broadcasts {
  'servers:status': {
    from: Server['state'];
    to: Server['state'];
    reason: string;
    server: Server;
  };
  'profiles:created': { profileId: string; profile: Profile };
  'profiles:updated': { profileId: string; profile: Profile };
  'profiles:deleted': { profileId: string; profile: Profile };
  'models:list': { models: Model[] };
  'models:created': { model: Model };
  'models:updated': { model: Model };
  'models:deleted': { modelId: string };
  'models:scanning': { scanned: number; updated: number; total: number; errors: number };
  'models:scanned': { scanned: number; updated: number; total: number; errors: number };
  'models:status': { modelName: string; modelId: string; status: string; error?: string };
  'downloads:updated': { download: Download };
  'downloads:progress': { download: Download };
  /** Out of the history. */
  'downloads:removed': { taskId: string };
  'metrics:update': { metrics: Metrics; timestamp: number };
  'settings:updated': { key: string; settings: Record<string, unknown> };
  'activity:changed': ActivityNews;
  /** One was made or ended; who may see them asks for the list. */
  'keys:changed': object;
  'logs:entry': { entry: LogLine };
  'logs:cleared': { count: number };
  'llama:status': unknown;
  'llama:server-event': unknown;
  'routerConfig:updated': unknown;
  'presets:updated': { presets: { name: string }[] };
}
