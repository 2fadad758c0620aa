import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { afterEach, expect, test, vi } from 'vitest';
import Palette from './Palette.svelte';
import type { Entry } from './palette';

Element.prototype.scrollIntoView = () => {};
afterEach(cleanup);

const groups = ['Actions', 'Models', 'Go to'];
const run = vi.fn();
const onclose = vi.fn();
const prepare = vi.fn();
afterEach(() => [run, onclose, prepare].forEach((one) => one.mockClear()));

const entry = (title: string, more: Partial<Entry> = {}): Entry => ({
  id: title,
  group: 'Models',
  title,
  run: () => run(title),
  ...more,
});
const coder = entry('Start coder', {
  id: 'coder',
  name: 'coder',
  state: 'stopped',
  more: () => [
    entry('Start coder'),
    entry('Stop coder', { isDestructive: true }),
    entry('Chat with coder'),
    entry('Copy the name of coder'),
  ],
});
const choose = entry('Load…', {
  id: 'load',
  group: 'Actions',
  choices: {
    prepare,
    list: () => [coder, entry('Load tiny', { id: 'tiny' })],
    none: () => 'Nothing to load',
  },
});
const entries = [
  entry('Unload all', { group: 'Actions', isDestructive: true }),
  entry('Refresh', { group: 'Actions' }),
  choose,
  coder,
  entry('Dashboard', { group: 'Go to', keys: ['g d', 'Ctrl D'] }),
];

const show = (more: { entries?: Entry[]; within?: string } = {}) =>
  render(Palette, { entries, groups, onclose, ...more });
const field = () => screen.getByRole<HTMLInputElement>('combobox');
const press = (key: string, more: object = {}) => fireEvent.keyDown(field(), { key, ...more });
const type = (value: string) => fireEvent.input(field(), { target: { value } });
const titles = () =>
  screen.queryAllByRole('option').map((option) => option.querySelector('.grow')?.textContent);
const chosen = () =>
  screen.queryByRole('option', { selected: true })?.querySelector('.grow')?.textContent;
const active = () => field().getAttribute('aria-activedescendant');

test('a row for each thing; what ends something comes last', () => {
  show();
  expect(titles()).toEqual(['Refresh', 'Load…', 'Unload all', 'Start coder', 'Dashboard']);
  expect(chosen()).toBe('Refresh');
  expect(screen.getByText('Stopped')).toBeTruthy();
});

test('what may not be run says why, and Enter or a click do not run it', async () => {
  const scan = entry('Scan folders', { refused: 'needs an admin key', keys: ['m s'] });
  show({ entries: [scan] });
  const row = screen.getByRole('option', { name: /^Scan folders\s+needs an admin key$/ });
  expect(row.getAttribute('aria-disabled')).toBe('true');
  await press('Enter');
  await fireEvent.click(row);
  expect(run).not.toHaveBeenCalled();
  expect(onclose).not.toHaveBeenCalled();
});

test('the row does what was typed', async () => {
  show();
  await type('chat with coder');
  expect(titles()).toEqual(['Chat with coder']);
  await press('Enter');
  expect(onclose).toHaveBeenCalledOnce();
  expect(run.mock.calls).toEqual([['Chat with coder']]);
});

test('the first hit ends nothing: what does has to be gone to', async () => {
  show();
  await type('stop coder');
  expect(titles()).toEqual(['Stop coder']);
  expect(active()).toBeNull();
  await press('Enter');
  expect(run).not.toHaveBeenCalled();
  await press('ArrowDown');
  expect(active()).not.toBeNull();
  await press('Enter');
  expect(run.mock.calls).toEqual([['Stop coder']]);
});

test('Tab shows all that can be done, Esc and Shift Tab go back', async () => {
  show();
  await type('coder');
  expect(screen.getByText('more')).toBeTruthy();
  const option = screen.getByRole('option', { selected: true });
  const says = option.getAttribute('aria-describedby') ?? '';
  expect(document.getElementById(says)?.textContent).toBe('Tab shows more actions');
  for (const [key, more] of [
    ['Escape', {}],
    ['Tab', { shiftKey: true }],
    ['ArrowLeft', {}],
    ['Backspace', {}],
  ] as const) {
    await press('Tab');
    expect(field().getAttribute('aria-label')).toBe('coder');
    expect(screen.getByRole('listbox').getAttribute('aria-label')).toBe('coder');
    expect(titles()).toEqual([
      'Start coder',
      'Chat with coder',
      'Copy the name of coder',
      'Stop coder',
    ]);
    expect(chosen()).toBe('Start coder');
    await press(key, more);
    expect(field().getAttribute('aria-label')).toBe('Command');
    expect(field().value).toBe('coder');
  }
  expect(onclose).not.toHaveBeenCalled();
  await press('Tab');
  await type('copy');
  await press('Enter');
  expect(run.mock.calls).toEqual([['Copy the name of coder']]);
});

test('the right arrow at the end of the text is as Tab, elsewhere it moves', async () => {
  show();
  await type('coder');
  field().setSelectionRange(2, 2);
  expect(await press('ArrowRight')).toBe(true); // left to the field
  expect(field().getAttribute('aria-label')).toBe('Command');
  field().setSelectionRange(5, 5);
  await press('ArrowRight');
  expect(field().getAttribute('aria-label')).toBe('coder');
});

test('Tab where there is nothing more stays; Shift Tab and Esc are the browser’s at the beginning', async () => {
  show();
  expect(await press('Tab')).toBe(false);
  expect(await press('Tab', { shiftKey: true })).toBe(true);
  expect(await press('Escape')).toBe(true);
  expect(titles()).toHaveLength(5);
});

test('a command with choices narrows to them', async () => {
  show();
  await type('load');
  await press('Enter');
  expect(prepare).toHaveBeenCalledOnce();
  expect(onclose).not.toHaveBeenCalled();
  expect(titles()).toEqual(['Start coder', 'Load tiny']);
  await press('Tab'); // a level deeper
  expect(field().getAttribute('aria-label')).toBe('coder');
  await press('Escape');
  await press('ArrowDown');
  await press('Enter');
  expect(run.mock.calls).toEqual([['Load tiny']]);
});

test('opened for a choice, Esc closes and Backspace shows the rest', async () => {
  show({ within: 'load' });
  expect(prepare).toHaveBeenCalledOnce();
  expect(titles()).toEqual(['Start coder', 'Load tiny']);
  expect(await press('Escape')).toBe(true); // the dialog's own
  await press('Backspace');
  expect(titles()).toHaveLength(5);
});

test('nothing to choose says why; nothing found says what was typed', async () => {
  const empty = { ...choose, choices: { list: () => [], none: () => 'Nothing to load' } };
  show({ entries: [empty], within: 'load' });
  expect(screen.getByText('Nothing to load')).toBeTruthy();
  await press('Backspace');
  await type('zzz');
  expect(screen.getByText('Nothing matches “zzz”.')).toBeTruthy();
  await press('Enter');
  await press('ArrowDown');
  expect(onclose).not.toHaveBeenCalled();
});

test('letters found by accident are left out beside a good hit', async () => {
  show({ entries: [entry('Scan model folders', { group: 'Actions' }), ...entries] });
  await type('coder');
  expect(titles()).toEqual(['Start coder']);
});

test('what is chosen stays chosen when the list changes', async () => {
  const { rerender } = show();
  await press('ArrowDown');
  expect(chosen()).toBe('Load…');
  await rerender({ entries: [entry('Another', { group: 'Actions' }), ...entries] });
  expect(titles()[0]).toBe('Another');
  expect(chosen()).toBe('Load…');
});

test('further actions are found by their verb, not by letters that it shares with a name', async () => {
  const tiny = entry('Start tiny', { id: 'tiny', more: () => [entry('Copy the name of tiny')] });
  show({ entries: [coder, tiny] });
  await type('co');
  expect(titles()).toEqual(['Start coder']);
  await type('cop');
  expect(titles()).toContain('Copy the name of tiny');
  await type('copy tiny');
  expect(titles()[0]).toBe('Copy the name of tiny');
});
