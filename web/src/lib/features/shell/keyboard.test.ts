import { afterEach, expect, test, vi } from 'vitest';
import { Commands } from '$lib/state/commands.svelte';
import { rows, shortcuts } from './keyboard';

const run = vi.fn();
const commands = new Commands();
commands.add(() => [
  {
    id: 'go',
    group: 'Go to',
    title: 'Dashboard',
    keys: ['g d', 'Ctrl D'],
    run: () => run('go'),
  },
  { id: 'scan', group: 'Actions', title: 'Scan', keys: ['Ctrl S'], run: () => run('scan') },
  { id: 'help', group: 'Actions', title: 'Help', keys: ['?', 'Ctrl H'], run: () => run('help') },
]);
const onkeydown = shortcuts(commands);

afterEach(() => {
  run.mockClear();
  commands.close();
  document.body.replaceChildren();
});

function press(key: string, more: KeyboardEventInit = {}, target: EventTarget = document.body) {
  const event = new KeyboardEvent('keydown', { key, cancelable: true, bubbles: true, ...more });
  Object.defineProperty(event, 'target', { value: target });
  onkeydown(event);
  return event;
}

test('one key, and two in a row', () => {
  press('?');
  press('g');
  press('d');
  expect(run.mock.calls).toEqual([['help'], ['go']]);
});

test('a second key that leads nowhere is forgotten', () => {
  press('g');
  press('x');
  press('d');
  expect(run).not.toHaveBeenCalled();
});

test('what was pressed before takes no key away', () => {
  press('Enter');
  press('g');
  press('d');
  expect(run.mock.calls).toEqual([['go']]);
});

test('typing is not for commands, but Ctrl K is for everybody', () => {
  const input = document.createElement('input');
  press('?', {}, input);
  expect(run).not.toHaveBeenCalled();
  expect(press('k', { ctrlKey: true }, input).defaultPrevented).toBe(true);
  expect(commands.isOpen).toBe(true);
  expect(press('k', { metaKey: true }, input).defaultPrevented).toBe(true);
  expect(commands.isOpen).toBe(false);
});

test('with Ctrl where nothing is typed into, capital or not', () => {
  expect(press('d', { ctrlKey: true }).defaultPrevented).toBe(true);
  expect(press('H', { ctrlKey: true }).defaultPrevented).toBe(true); // caps lock
  expect(run.mock.calls).toEqual([['go'], ['help']]);
});

test('the browser keeps its own', () => {
  const input = document.createElement('input');
  for (const event of [
    press('d', { ctrlKey: true }, input),
    press('d', { ctrlKey: true, shiftKey: true }),
    press('d', { ctrlKey: true, altKey: true }), // AltGr
    press('d', { metaKey: true }),
    press('l', { ctrlKey: true }), // of no command
    press('t', { ctrlKey: true }),
    press('r', { ctrlKey: true }),
    press('s', { ctrlKey: true, shiftKey: true }),
  ])
    expect(event.defaultPrevented).toBe(false);
  expect(run).not.toHaveBeenCalled();
});

test('Ctrl S is what the page says, in fields as well, and on a Mac with Cmd', () => {
  const input = document.createElement('input');
  expect(press('s', { ctrlKey: true }, input).defaultPrevented).toBe(true);
  press('s', { metaKey: true });
  expect(run.mock.calls).toEqual([['scan'], ['scan']]);
});

test('not under a dialog', () => {
  const dialog = document.createElement('dialog');
  dialog.open = true;
  document.body.append(dialog);
  for (const key of ['d', 's']) expect(press(key, { ctrlKey: true }).defaultPrevented).toBe(false);
  press('?');
  expect(run).not.toHaveBeenCalled();
});

test('Ctrl is no first key of two', () => {
  press('g', { ctrlKey: true });
  press('d');
  expect(run).not.toHaveBeenCalled();
});

test('"/" goes to the filter of the page, and is left alone where there is none', () => {
  expect(press('/').defaultPrevented).toBe(false);
  const input = document.createElement('input');
  input.dataset.filter = '';
  document.body.append(input);
  expect(press('/').defaultPrevented).toBe(true);
  expect(document.activeElement).toBe(input);
});

test('no key is named twice', () => {
  const all = rows.map(({ keys }) => keys);
  expect(new Set(all).size).toBe(all.length);
});
