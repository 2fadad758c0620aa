import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { live } from '$lib/state/live.svelte';
import { downloads } from '$lib/state/downloads.svelte';
import { download } from '$tests/download';
import History from './History.svelte';

const ended = [
  download({ task_id: 'task_1', name: 'tiny', status: 'completed' }),
  download({ task_id: 'task_2', name: 'huge', status: 'cancelled' }),
];
const answers = (status: number, body: string | null = null) =>
  vi.spyOn(globalThis, 'fetch').mockResolvedValue(new Response(body, { status }));

beforeEach(() => {
  // jsdom has no modal dialogs.
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function () {
    this.open = false;
  };
  vi.spyOn(live, 'hold').mockImplementation((ask) => ask());
  downloads.replace([...ended, download({ task_id: 'task_3' })]);
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  downloads.replace([]);
});

test('one is removed: the server is asked, and it goes', async () => {
  const fetch = answers(204);
  render(History, { all: ended });
  await fireEvent.click(screen.getByLabelText(/^Remove huge from the history/));
  await waitFor(() => expect(downloads.get('task_2')).toBeUndefined());
  expect(fetch.mock.calls[0]?.[0]).toMatch(/\/api\/history\/task_2$/);
  expect(fetch.mock.calls[0]?.[1]?.method).toBe('DELETE');
  expect(downloads.get('task_1')).toBeDefined();
});

test('cleared: asked once, with how many go and that files stay', async () => {
  const fetch = answers(204);
  render(History, { all: ended });
  await fireEvent.click(screen.getByText('Clear history'));
  expect(screen.getByText(/^All 2 downloads that have ended go .*files stay/)).toBeTruthy();
  expect(screen.queryByText(/failed/)).toBeNull();
  expect(fetch).not.toHaveBeenCalled();
  await fireEvent.click(screen.getByText('Clear it'));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(fetch.mock.calls[0]?.[0]).toMatch(/\/api\/history$/);
});

test('those that failed go too, and it is said; a refusal is shown in place', async () => {
  downloads.put(download({ task_id: 'task_4', status: 'failed' }));
  answers(403, JSON.stringify({ error: { code: 'forbidden', message: 'not with this key' } }));
  render(History, { all: ended });
  await fireEvent.click(screen.getByText('Clear history'));
  expect(screen.getByText(/^All 3 downloads/)).toBeTruthy();
  expect(screen.getByText(/One that failed is among them/)).toBeTruthy();
  await fireEvent.click(screen.getByText('Clear it'));
  expect((await screen.findByRole('alert')).textContent).toMatch(/not with this key/i);
});
