import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { fromStore, writable } from 'svelte/store';
import { afterEach, expect, test, vi } from 'vitest';
import type { Model } from '$lib/api/schema';
import { live } from '$lib/state/live.svelte';
import { model } from '$tests/model';
import ModelGrid from './ModelGrid.svelte';

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

const lora = (more: Partial<Model> = {}) =>
  model({ id: 'l 1', name: 'grain', kind: 'lora', format: 'safetensors', ...more });
const props = (...lines: Model[]) => ({
  lines,
  selected: null,
  marked: new Set<string>(),
  onopen: vi.fn(),
  onmark: vi.fn(),
  onfavour: vi.fn(),
});
const tile = () => screen.getByRole('button', { name: 'grain, LoRA' });
const picture = () => tile().querySelector('img');
const glyph = () => tile().querySelector('svg');

test('a tile without a picture has a glyph', () => {
  render(ModelGrid, props(lora()));
  expect(picture()).toBeNull();
  expect(glyph()).not.toBeNull();
});

test('a tile shows the picture beside the file, fetched when it is near', async () => {
  const given = props(lora({ preview_path: '/models/grain.png' }));
  render(ModelGrid, given);
  expect(picture()?.getAttribute('src')).toBe('/api/models/l%201/preview');
  expect(picture()?.getAttribute('loading')).toBe('lazy');
  expect(picture()?.getAttribute('decoding')).toBe('async');
  expect(picture()?.getAttribute('alt')).toBe(''); // the tile is named
  expect(glyph()).toBeNull();
  await fireEvent.click(tile());
  expect(given.onopen).toHaveBeenCalledOnce();
});

test('a picture that cannot be shown is a glyph, until there is another one', async () => {
  const { rerender } = render(ModelGrid, props(lora({ preview_path: '/models/grain.png' })));
  await fireEvent.error(tile().querySelector('img') as Element);
  expect(picture()).toBeNull();
  expect(glyph()).not.toBeNull();
  await rerender({ lines: [lora({ preview_path: '/models/grain.webp' })] });
  await waitFor(() => expect(picture()).not.toBeNull());
});

test('and is tried again when the server is back', async () => {
  const isOnline = fromStore(writable(true));
  vi.spyOn(live, 'isOnline', 'get').mockImplementation(() => isOnline.current);
  render(ModelGrid, props(lora({ preview_path: '/models/grain.png' })));
  isOnline.current = false;
  await fireEvent.error(tile().querySelector('img') as Element);
  expect(picture()).toBeNull();
  isOnline.current = true;
  await waitFor(() => expect(picture()).not.toBeNull());
});
