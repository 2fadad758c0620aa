import { cleanup, render, screen } from '@testing-library/svelte';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { live } from '$lib/state/live.svelte';
import { states } from '$lib/ui/states';
import { server } from '$tests/server';
import ServerCard from './ServerCard.svelte';

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});
const names = () =>
  screen
    .getAllByRole('button')
    .map((button) => button.getAttribute('aria-label') ?? button.textContent?.trim());
const up = { running: true, pid: 4120, port: 8412, started_at_ms: Date.now() - 95_000, slots: 4 };

describe('each state has its word and what can be done', () => {
  const rows = [
    ['stopped', {}, ['Start']],
    ['starting', up, ['Cancel', 'Log']],
    ['loading', up, ['Cancel', 'Log']],
    ['ready', up, ['Restart coder', 'Stop coder', 'Log']],
    ['draining', up, ['Restart coder', 'Stop coder', 'Log']],
    ['stopping', up, ['Restart coder', 'Stop coder', 'Log']],
    ['unhealthy', up, ['Restart coder', 'Stop coder', 'Log']],
    ['attaching', up, ['Restart coder', 'Stop coder', 'Log']],
  ] as const;
  test.each(rows)('%s', (state, more, buttons) => {
    render(ServerCard, { server: server({ state, ...more }) });
    expect(screen.getByText(states[state].word)).toBeTruthy();
    expect(names()).toEqual([...buttons]);
  });
});

test('while the server is away what is asked for waits', () => {
  vi.spyOn(live, 'isAway', 'get').mockReturnValue(true);
  render(ServerCard, { server: server({ state: 'stopped' }) });
  expect(names()).toEqual(['Start (waits for the server)']);
});

test('ready: port and pid as they are, time in two units', () => {
  render(ServerCard, { server: server({ state: 'ready', ...up }) });
  expect(screen.getByText('8412')).toBeTruthy();
  expect(screen.getByText('4120')).toBeTruthy();
  expect(screen.getByText(/^1 min 3\d s$/)).toBeTruthy();
});

test('failed: cause, exit status, advice, last lines', () => {
  const error = {
    code: 'engine_failed' as never,
    message: 'out of GPU memory',
    advice: 'Use fewer layers.',
    log_tail: ['loading', 'cudaMalloc failed'],
  };
  render(ServerCard, { server: server({ state: 'failed', failed: true, exit_code: 9, error }) });
  expect(screen.getByText('Out of GPU memory')).toBeTruthy();
  expect(screen.getByText(/Exit status 9/)).toBeTruthy();
  expect(screen.getByText('Use fewer layers.')).toBeTruthy();
  expect(screen.getByText('cudaMalloc failed')).toBeTruthy();
  expect(names()).toContain('Retry');
});

test('backoff: the time to the next attempt', () => {
  const now = Date.now();
  render(ServerCard, {
    server: server({
      state: 'backoff',
      n_restarts: 3,
      state_since_ms: now,
      backoff_until_ms: now + 18_000,
    }),
  });
  expect(screen.getByText(/^1[78] s$/)).toBeTruthy();
  expect(screen.getByText('attempt 4')).toBeTruthy();
  expect(names().slice(0, 2)).toEqual(['Retry now', 'Give up']);
});
