import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { createRawSnippet } from 'svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import Confirm from './Confirm.svelte';

/** A deed that ends when it is told to. */
function open(more: Record<string, unknown> = {}) {
  let end: { resolve: (value: unknown) => void; reject: (why: Error) => void } | undefined;
  const deed = vi.fn<(signal: AbortSignal) => Promise<unknown>>(
    () => new Promise((resolve, reject) => (end = { resolve, reject })),
  );
  const onclose = vi.fn();
  const props = {
    title: 'Clear the log?',
    label: 'Clear it',
    children: createRawSnippet(() => ({ render: () => '<p>All entries go.</p>' })),
    deed,
    onclose,
    ...more,
  };
  render(Confirm, props);
  return { end: () => end, deed, onclose };
}
const button = (name: string | RegExp) => screen.getByRole('button', { name });

beforeEach(() => {
  // jsdom has no modal dialogs.
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function () {
    this.open = false;
  };
});
afterEach(cleanup);

test('asks: says what would happen, and does nothing by itself', async () => {
  const { deed, onclose } = open();
  expect(screen.getByRole('dialog', { name: 'Clear the log?' })).toBeTruthy();
  expect(screen.getByText('All entries go.')).toBeTruthy();
  expect(button('Clear it').classList).toContain('danger');
  expect(screen.queryByRole('alert')).toBeNull();
  await fireEvent.click(button('Keep it'));
  expect(onclose).toHaveBeenCalledOnce();
  expect(deed).not.toHaveBeenCalled();
});

test('done: it closes; meanwhile it is not asked for twice', async () => {
  const { deed, onclose, end } = open();
  await fireEvent.click(button('Clear it'));
  expect(button('Clear it').title).toBe('It is being done');
  await fireEvent.click(button('Clear it'));
  expect(deed).toHaveBeenCalledOnce();
  expect(onclose).not.toHaveBeenCalled();
  end()?.resolve(null);
  await vi.waitFor(() => expect(onclose).toHaveBeenCalledOnce());
});

test('refused: why is said in place with its advice, and it can be tried again', async () => {
  const { deed, onclose, end } = open();
  await fireEvent.click(button('Clear it'));
  end()?.reject(Object.assign(new Error('The disk is full'), { advice: 'Free some space' }));
  const said = await screen.findByRole('alert');
  expect(said.textContent).toMatch(/The disk is full\s*Free some space/);
  expect(onclose).not.toHaveBeenCalled();
  deed.mockResolvedValue(null);
  await fireEvent.click(button('Clear it'));
  await vi.waitFor(() => expect(onclose).toHaveBeenCalledOnce());
  expect(screen.queryByRole('alert')).toBeNull();
});

test('while the server is away it says that it waits; closed meanwhile, it is called off', async () => {
  const { deed, onclose, end } = open({ waits: true, keep: 'Keep them' });
  await fireEvent.click(button('Clear it (waits for the server)'));
  const signal = deed.mock.calls[0]?.[0];
  expect(signal?.aborted).toBe(false);
  await fireEvent.click(button('Keep them'));
  expect(signal?.aborted).toBe(true);
  expect(onclose).toHaveBeenCalledOnce();
  end()?.reject(new DOMException('Not wanted any more', 'AbortError'));
  await vi.waitFor(() => expect(button(/Clear it/).title).not.toBe('It is being done'));
  expect(screen.queryByRole('alert')).toBeNull();
  expect(onclose).toHaveBeenCalledOnce();
});

test('what cannot be done yet says why', async () => {
  const { deed } = open({ disabled: 'Choose a place first', tone: 'primary' });
  expect(button('Clear it').classList).toContain('primary');
  expect(button('Clear it').title).toBe('Choose a place first');
  await fireEvent.click(button('Clear it'));
  expect(deed).not.toHaveBeenCalled();
});
