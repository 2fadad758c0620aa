/** The pages there are. A page is a row here and a folder in routes/. */
import type { IconName } from '$lib/ui/icons';
import { count } from '$lib/ui/numbers';
import { activity } from '$lib/state/activity.svelte';
import { downloads, isUnderWay } from '$lib/state/downloads.svelte';
import { models } from '$lib/state/models.svelte';
import { servers } from '$lib/state/servers.svelte';

export interface Badge {
  text: string;
  /** Crimson, with the octagon: something failed. */
  isBad: boolean;
  /** What the number counts. */
  label: string;
}

export interface NavRow {
  path:
    | '/'
    | '/activity'
    | '/chat'
    | '/configuration'
    | '/discover'
    | '/downloads'
    | '/logs'
    | '/models'
    | '/monitoring'
    | '/presets'
    | '/servers'
    | '/settings';
  label: string;
  icon: IconName;
  group: 'Overview' | 'Library' | 'Serving' | 'System';
  /** Typed after "g". */
  key: string;
  /** With Ctrl, where nothing is typed into. */
  ctrl?: string;
  /** In the bottom bar of narrow screens. */
  tab?: string;
  badge?: () => Badge | null;
}

export const nav: readonly NavRow[] = [
  {
    path: '/',
    label: 'Dashboard',
    icon: 'dashboard',
    group: 'Overview',
    key: 'd',
    ctrl: 'D',
    tab: 'Home',
  },
  { path: '/monitoring', label: 'Monitoring', icon: 'monitoring', group: 'Overview', key: 'o' },
  {
    path: '/activity',
    label: 'Activity',
    icon: 'activity',
    group: 'Overview',
    key: 'a',
    badge: () => {
      const n = activity.size;
      return n === 0 ? null : { text: String(n), isBad: false, label: `${n} in flight` };
    },
  },
  { path: '/logs', label: 'Logs', icon: 'logs', group: 'Overview', key: 'l', ctrl: 'L' },
  {
    path: '/models',
    label: 'Models',
    icon: 'models',
    group: 'Library',
    key: 'm',
    ctrl: 'M',
    tab: 'Models',
    badge: () =>
      models.size === 0
        ? null
        : { text: count(models.size), isBad: false, label: `${models.size} in the library` },
  },
  { path: '/discover', label: 'Discover', icon: 'discover', group: 'Library', key: 'i' },
  {
    path: '/downloads',
    label: 'Downloads',
    icon: 'download',
    group: 'Library',
    key: 'n',
    badge: () => {
      const n = downloads.all.filter(isUnderWay).length;
      return n === 0 ? null : { text: String(n), isBad: false, label: `${n} not ended` };
    },
  },
  {
    path: '/servers',
    label: 'Servers',
    icon: 'servers',
    group: 'Serving',
    key: 'v',
    tab: 'Servers',
    badge: () => failures(servers.troubled.length),
  },
  { path: '/presets', label: 'Presets', icon: 'presets', group: 'Serving', key: 'p', ctrl: 'P' },
  { path: '/chat', label: 'Chat', icon: 'chat', group: 'Serving', key: 'h', tab: 'Chat' },
  {
    path: '/configuration',
    label: 'Configuration',
    icon: 'configuration',
    group: 'System',
    key: 'c',
  },
  { path: '/settings', label: 'Settings', icon: 'settings', group: 'System', key: 's', ctrl: 'G' },
];

function failures(n: number): Badge | null {
  return n === 0 ? null : { text: String(n), isBad: true, label: `${n} need attention` };
}

export const groups = ['Overview', 'Library', 'Serving', 'System'] as const;
