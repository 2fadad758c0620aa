import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Fit, Model } from '$lib/api/schema';
import { live } from '$lib/state/live.svelte';
import { models } from '$lib/state/models.svelte';
import { model } from '$tests/model';
import ModelDrawer from './ModelDrawer.svelte';

const GIB = 1024 ** 3;
const fit = (more: Partial<Fit> = {}): Fit => ({
  model_id: 'm1',
  architecture: 'qwen3',
  is_guess: false,
  is_weights_only: false,
  context_length: 4096,
  ctx: 4096,
  ctx_per_slot: 4096,
  slots: 4,
  is_ctx_shared: true,
  gpu_layers: 0,
  parts: [],
  total_bytes: 3 * GIB,
  fits: 'yes',
  max_ctx: 4096,
  devices: [
    {
      name: 'RAM',
      total_bytes: 8 * GIB,
      available_bytes: 6 * GIB,
      needed_bytes: 3 * GIB,
      fits: 'yes',
      parts: { weights: 2 * GIB, kv_attention: GIB },
    },
  ],
  notes: [],
  remote: null,
  ...more,
});

/** What the daemon answers, by method and path; the query is not looked at. */
let answers: Record<string, { status?: number; data?: unknown; error?: unknown }>;
const asked: string[] = [];

beforeEach(() => {
  asked.length = 0;
  answers = { 'GET /api/models/m1/fit': { data: fit() } };
  vi.spyOn(live, 'isOnline', 'get').mockReturnValue(true);
  vi.stubGlobal('fetch', async (address: string, { method }: { method: string }) => {
    asked.push(`${method} ${address}`);
    const {
      status = 200,
      data,
      error,
    } = answers[`${method} ${address.split('?')[0]}`] ?? {
      status: 404,
      error: { code: 'not_found', message: 'nothing there' },
    };
    return new Response(JSON.stringify({ success: status < 400, data, error }), { status });
  });
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function show(more: Partial<Model> = {}) {
  const one = model(more);
  answers['GET /api/models/m1'] = { data: { locations: [], ...one } };
  models.replace([one]);
  const onclose = vi.fn();
  render(ModelDrawer, { id: 'm1', onclose });
  return onclose;
}
const place = (id: string) => ({
  id,
  name: id,
  path: `/models/${id}.gguf`,
  source: 'folder' as const,
  category: 'active' as const,
  modified_at_ms: 1,
  other_paths: [],
});

test('fit first: verdict, numbers, and the largest context', async () => {
  show();
  await screen.findByText('Fits');
  expect(screen.getByRole('img', { name: /Weights 2.0 GiB/ })).toBeTruthy();
  expect(screen.getByText(/Up to 4.096 tokens/)).toBeTruthy();
  await fireEvent.change(screen.getByLabelText('Requests at once'), { target: { value: '8' } });
  await waitFor(() => expect(asked.at(-1)).toContain('parallel=8'));
});

test('one question for each choice, and none by the clock', async () => {
  vi.useFakeTimers();
  show();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked.toSorted()).toEqual(['GET /api/models/m1', 'GET /api/models/m1/fit?']);
  vi.useRealTimers();
});

test('a fit that is not known says how much it needs, and no verdict', async () => {
  const device = { ...fit().devices[0], available_bytes: null, fits: 'unknown' } as never;
  answers['GET /api/models/m1/fit'] = { data: fit({ fits: 'unknown', devices: [device] }) };
  show();
  await screen.findByText(/Needs 3.0 GiB on RAM/);
  expect(screen.queryByText('Fits')).toBe(null);
});

test('a fit that cannot be had says why, and is asked for again', async () => {
  answers['GET /api/models/m1/fit'] = {
    status: 500,
    error: { code: 'io_error', message: 'the file is gone' },
  };
  show();
  await screen.findByText('the file is gone');
  answers['GET /api/models/m1/fit'] = { data: fit() };
  await fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
  await screen.findByText('Fits');
});

test('what is guessed says so; trigger words, digest and text of the sidecar', async () => {
  show({
    architecture: 'qwen3',
    guessed: ['architecture'],
    trigger_words: ['pixel art'],
    sha256: 'a'.repeat(64),
    autov2: 'aaaaaaaaaa',
    description: '<p>A <b>style</b><script>x</script></p>',
  });
  expect(screen.getByText('guess')).toBeTruthy();
  expect(screen.getByRole('button', { name: 'Copy pixel art' })).toBeTruthy();
  expect(screen.getByRole('button', { name: 'Copy SHA-256' })).toBeTruthy();
  expect(await screen.findByText(/^A style/)).toBeTruthy();
});

test('an unreadable model says why and is not loaded; an image model neither', () => {
  show({ error: 'it is no GGUF file' });
  expect(screen.getByText('it is no GGUF file')).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Load' })).toBe(null);
  cleanup();
  show({ kind: 'lora', format: 'safetensors' });
  expect(screen.queryByRole('button', { name: 'Load' })).toBe(null);
});

test('there is no such model', () => {
  models.replace([]);
  render(ModelDrawer, { id: 'gone', onclose: () => {} });
  expect(screen.getByText('There is no such model')).toBeTruthy();
});

test('while the server is away what changes something says so', () => {
  vi.spyOn(live, 'isAway', 'get').mockReturnValue(true);
  show();
  for (const label of ['Load', 'Move to archive', 'Delete', 'Add to favourites']) {
    const name = `${label} (waits for the server)`;
    expect(screen.getByRole('button', { name }).getAttribute('title')).toBe(name);
  }
});

test('a favourite that is refused is taken back, and says why', async () => {
  answers['PUT /api/models/m1'] = { status: 409, error: { code: 'conflict', message: 'not now' } };
  show();
  const star = screen.getByRole('button', { name: 'Add to favourites' });
  await fireEvent.click(star);
  await screen.findByText('not now');
  expect(star.getAttribute('aria-pressed')).toBe('false');
  expect(models.get('m1')?.is_favourite).toBe(false);
});

test('of several places a delete asks which, and says what would go', async () => {
  answers['DELETE /api/models/m1'] = {
    data: { is_deleted: false, files: ['/models/b.gguf'], size_bytes: GIB },
  };
  show({ n_locations: 2, locations: [place('a'), place('b')] });
  await screen.findByText('Lies in 2 places');
  await fireEvent.click(screen.getByRole('button', { name: 'Delete' }));
  const dialog = screen.getByRole('dialog');
  expect(asked.some((one) => one.startsWith('DELETE'))).toBe(false);
  await fireEvent.click(screen.getByLabelText('/models/b.gguf'));
  await screen.findByRole('button', { name: 'Delete 1 file, 1.0 GiB' });
  expect(asked.at(-1)).toBe('DELETE /api/models/m1?dry_run=1&location=b');
  answers['DELETE /api/models/m1'] = {
    status: 409,
    error: { code: 'conflict', message: 'coder is being served' },
  };
  await fireEvent.click(screen.getByRole('button', { name: 'Delete 1 file, 1.0 GiB' }));
  await screen.findByText('coder is being served');
  expect(dialog.isConnected).toBe(true);
});
