import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { createRawSnippet } from 'svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import AskFor from './AskFor.svelte';

type Deed = (typed: string, signal: AbortSignal) => Promise<unknown>;

function open(deed: Deed, more: Record<string, unknown> = {}) {
  const onclose = vi.fn();
  const words = { title: 'New preset', label: 'Name', needs: 'It needs a name', act: 'Make it' };
  render(AskFor, { ...words, deed, onclose, ...more });
  return onclose;
}
const button = (name: string) => screen.getByRole('button', { name });
const field = () => screen.getByLabelText<HTMLInputElement>('Name');
const type = (value: string) => fireEvent.input(field(), { target: { value } });

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

test('nothing is made of nothing, by button or by Enter', async () => {
  const deed = vi.fn<Deed>().mockResolvedValue(null);
  open(deed);
  expect(button('Make it').title).toBe('It needs a name');
  await type('  ');
  await fireEvent.click(button('Make it'));
  await fireEvent.submit(field());
  expect(deed).not.toHaveBeenCalled();
});

test('Enter makes it of what is typed, once, and it closes when that is done', async () => {
  let done: ((value: unknown) => void) | undefined;
  const deed = vi.fn<Deed>(() => new Promise((resolve) => (done = resolve)));
  const children = createRawSnippet(() => ({ render: () => '<p>Begin with</p>' }));
  const onclose = open(deed, { first: 'other-copy', children });
  expect(field().value).toBe('other-copy');
  expect(screen.getByText('Begin with')).toBeTruthy();
  await type('mine');
  await fireEvent.submit(field());
  expect(button('Make it').title).toBe('It is being done');
  await fireEvent.submit(field());
  expect(deed.mock.calls.map(([typed]) => typed)).toEqual(['mine']);
  expect(onclose).not.toHaveBeenCalled();
  done?.(null);
  await vi.waitFor(() => expect(onclose).toHaveBeenCalledOnce());
});

test('refused: the field is marked and says why, and what was typed stays', async () => {
  const deed = vi.fn<Deed>().mockRejectedValue(new Error('“../bad” is no name of a file'));
  const onclose = open(deed);
  await type('../bad');
  await fireEvent.click(button('Make it'));
  const said = await screen.findByRole('alert');
  expect(field().getAttribute('aria-describedby')).toBe(said.id);
  expect(field().getAttribute('aria-invalid')).toBe('true');
  expect(said.textContent).toContain('is no name of a file');
  expect(field().value).toBe('../bad');
  expect(onclose).not.toHaveBeenCalled();
});

test('what waits for the server when it is closed is called off', async () => {
  const deed = vi.fn<Deed>(() => new Promise(() => undefined));
  const onclose = open(deed, { waits: true });
  await type('mine');
  await fireEvent.click(button('Make it (waits for the server)'));
  await fireEvent.click(button('Cancel'));
  expect(deed.mock.calls[0]?.[1].aborted).toBe(true);
  expect(onclose).toHaveBeenCalledOnce();
});
