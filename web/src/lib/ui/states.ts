/** What a state looks like: a glyph, a word, a colour. The glyph alone tells it. */
import type { IconName } from './icons';

export type Tone = 'ok' | 'info' | 'warn' | 'bad' | 'idle';
export interface Face {
  icon: IconName;
  word: string;
  tone: Tone;
}

export const states = {
  ready: { icon: 'disc', word: 'Ready', tone: 'ok' },
  starting: { icon: 'starting', word: 'Starting', tone: 'info' },
  loading: { icon: 'loading', word: 'Loading', tone: 'info' },
  attaching: { icon: 'attaching', word: 'Attaching', tone: 'info' },
  draining: { icon: 'draining', word: 'Draining', tone: 'info' },
  queued: { icon: 'dots', word: 'Queued', tone: 'idle' },
  resolving: { icon: 'starting', word: 'Resolving', tone: 'info' },
  downloading: { icon: 'loading', word: 'Downloading', tone: 'info' },
  verifying: { icon: 'shield', word: 'Verifying', tone: 'info' },
  stopped: { icon: 'square', word: 'Stopped', tone: 'idle' },
  stopping: { icon: 'stopping', word: 'Stopping', tone: 'idle' },
  failed: { icon: 'failed', word: 'Failed', tone: 'bad' },
  unhealthy: { icon: 'warning', word: 'Unhealthy', tone: 'warn' },
  backoff: { icon: 'clock', word: 'Retrying', tone: 'warn' },
  paused: { icon: 'paused', word: 'Paused', tone: 'idle' },
  receiving: { icon: 'starting', word: 'Receiving', tone: 'info' },
  working: { icon: 'loading', word: 'Prompt', tone: 'info' },
  answering: { icon: 'loading', word: 'Answering', tone: 'info' },
  finishing: { icon: 'stopping', word: 'Finishing', tone: 'idle' },
  left: { icon: 'square', word: 'Left', tone: 'idle' },
  cancelled: { icon: 'close', word: 'Cancelled', tone: 'idle' },
  completed: { icon: 'check', word: 'Completed', tone: 'ok' },
  verified: { icon: 'check', word: 'Verified', tone: 'ok' },
  fits: { icon: 'check', word: 'Fits', tone: 'ok' },
  tight: { icon: 'warning', word: 'Tight', tone: 'warn' },
  after_unload: { icon: 'draining', word: 'After unload', tone: 'info' },
  too_large: { icon: 'failed', word: 'Too large', tone: 'bad' },
} as const satisfies Record<string, Face>;

export type State = keyof typeof states;
