import { afterEach, expect, test, vi } from 'vitest';
import { Commands } from '$lib/state/commands.svelte';
import { shortcuts } from './keyboard';

const run = vi.fn();
const commands = new Commands();
commands.add(() => [
  { id: 'go', group: 'Go to', title: 'Dashboard', keys: 'g d', run: () => run('go') },
  { id: 'help', group: 'Actions', title: 'Help', keys: '?', run: () => run('help') },
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
});

test('the browser keeps its own', () => {
  expect(press('d', { ctrlKey: true }).defaultPrevented).toBe(false);
  expect(press('l', { ctrlKey: true }).defaultPrevented).toBe(false);
});

test('"/" goes to the filter of the page', () => {
  const input = document.createElement('input');
  input.dataset.filter = '';
  document.body.append(input);
  press('/');
  expect(document.activeElement).toBe(input);
});
