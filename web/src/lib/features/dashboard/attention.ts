/** What is wrong now, gravest first; nothing when all is well. */
import type { Sample, Server } from '$lib/api/schema';
import { bytesText, percent, sentence, share } from '$lib/ui/numbers';

export interface Concern {
  id: string;
  tone: 'bad' | 'warn';
  title: string;
  text: string;
  /** Of a server. */
  profileId?: string;
}

const limits = { memory: 85, disk: 90, swap: 50 };

const verbs = { failed: 'failed', backoff: 'is retrying', unhealthy: 'does not answer' } as const;

function ofServer(server: Server): Concern {
  const verb = verbs[server.state as keyof typeof verbs];
  const cause = sentence(server.error?.message ?? server.reason);
  const times =
    server.n_restarts > 0
      ? ` Restarted ${server.n_restarts} ${server.n_restarts === 1 ? 'time' : 'times'}.`
      : '';
  return {
    id: server.profile_id,
    tone: server.state === 'failed' ? 'bad' : 'warn',
    title: `${server.profile_name} ${verb}`,
    text: `${cause}${/[.!?]$/.test(cause) ? '' : '.'}${times}`,
    profileId: server.profile_id,
  };
}

function full(
  id: string,
  name: string,
  used: number | null,
  total: number | null,
  limit: number,
): Concern[] {
  const part = share(used, total);
  if (part === null || part <= limit || used === null || total === null) return [];
  return [
    {
      id,
      tone: 'warn',
      title: `${name} is ${percent(part)} full`,
      text: `${bytesText(total - used)} left of ${bytesText(total)}.`,
    },
  ];
}

export function concerns(troubled: readonly Server[], sample: Sample | null): Concern[] {
  const readings = sample?.readings;
  const left = readings?.models_disk_free_bytes ?? null;
  const disk = readings?.models_disk_total_bytes ?? null;
  return [
    ...troubled.map(ofServer).sort((a, b) => (a.tone === b.tone ? 0 : a.tone === 'bad' ? -1 : 1)),
    ...full(
      'memory',
      'Memory',
      readings?.memory_used_bytes ?? null,
      readings?.memory_total_bytes ?? null,
      limits.memory,
    ),
    ...full(
      'swap',
      'Swap',
      readings?.swap_used_bytes ?? null,
      readings?.swap_total_bytes ?? null,
      limits.swap,
    ),
    ...full(
      'disk',
      'The models disk',
      left === null || disk === null ? null : disk - left,
      disk,
      limits.disk,
    ),
  ];
}
