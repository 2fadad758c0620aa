import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { live } from '$lib/state/live.svelte';
import { states } from '$lib/ui/states';
import { download } from '$tests/download';
import QueueRow from './QueueRow.svelte';

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});
const show = (more: Parameters<typeof download>[0], isFirst = false) =>
  render(QueueRow, { download: download(more), highest: 3, isFirst });
const names = () =>
  screen.getAllByRole('button').map((button) => button.getAttribute('aria-label'));

describe('each state has its word and what can be done', () => {
  const rows = [
    ['queued', ['Bring tiny forward', 'Pause tiny', 'Cancel tiny']],
    ['resolving', ['Pause tiny', 'Cancel tiny']],
    ['downloading', ['Pause tiny', 'Cancel tiny']],
    ['verifying', ['Cancel tiny']],
    ['paused', ['Resume tiny', 'Cancel tiny']],
    ['failed', ['Retry tiny', 'Cancel tiny']],
  ] as const;
  test.each(rows)('%s', (status, buttons) => {
    show({ status });
    expect(screen.getByText(states[status].word)).toBeTruthy();
    expect(names()).toEqual([...buttons]);
  });
});

test('the first of the queue is not brought forward', () => {
  show({ status: 'queued' }, true);
  expect(names()).toEqual(['Pause tiny', 'Cancel tiny']);
});

test('bytes, speed and time left while it runs; neither where they are not known', () => {
  show({});
  expect(screen.getByText(/256\.0.MiB of 1\.0.GiB/)).toBeTruthy();
  expect(screen.getByText(/8\.0.MiB\/s, 1 min 36 s left/)).toBeTruthy();
  cleanup();
  show({ total_bytes: null, eta_s: null, bytes_per_s: null });
  expect(screen.getByText(/of –$/)).toBeTruthy();
  expect(screen.queryByText(/left/)).toBeNull();
});

test('failed: the reason, as a sentence', () => {
  show({ status: 'failed', error: { code: 'no_space', message: 'the disk is full' } });
  expect(screen.getByText('The disk is full')).toBeTruthy();
});

test('a button asks the daemon', async () => {
  const ask = vi.spyOn(live, 'request').mockResolvedValue({} as never);
  show({});
  await fireEvent.click(screen.getByRole('button', { name: 'Pause tiny' }));
  expect(ask).toHaveBeenCalledWith('downloads:pause', { id: 'task_1' });
});
