/**
 * The keyboard: keys that are there on every page, and those of the commands: one, two in a row
 * ("g d"), or one with Ctrl. Help lists the same rows.
 *
 * Of the browser's own keys, Ctrl D, G, H, L, M, P are taken where nothing is typed into; in a
 * field, with Shift, and with Cmd they stay the browser's. Ctrl T and Ctrl R are never taken: the
 * theme is "t", and Refresh has no key.
 */
import type { Commands } from '$lib/state/commands.svelte';

const SECOND_KEY_MS = 1000;

interface Row {
  title: string;
  keys: string;
  /** Heard in fields, too; and under a dialog. */
  inFields?: boolean;
  inDialogs?: boolean;
  /** False: the key was not for us. Absent: what is shown hears the key by itself. */
  run?: (commands: Commands) => boolean;
}

export const rows: readonly Row[] = [
  {
    title: 'Search or run a command',
    keys: 'Ctrl K',
    inFields: true,
    inDialogs: true,
    run: (commands) => {
      if (commands.isOpen) commands.close();
      else commands.open();
      return true;
    },
  },
  {
    title: 'Filter the list',
    keys: '/',
    run: () => {
      const filter = document.querySelector<HTMLInputElement>('[data-filter]');
      filter?.focus();
      return filter !== null;
    },
  },
  { title: 'Save, where something can be saved', keys: 'Ctrl S', inFields: true },
  { title: 'Close what is on top', keys: 'Esc' },
];

/** On a Mac with Cmd as well. */
const WITH_CMD = ['Ctrl K', 'Ctrl S'];

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

/** As rows and commands write it; null: not for us. */
function nameOf({ key, ctrlKey, metaKey, altKey, shiftKey }: KeyboardEvent): string | null {
  if (altKey) return null;
  if (!ctrlKey && !metaKey) return key;
  const name = `Ctrl ${key.toUpperCase()}`;
  return shiftKey || (metaKey && !WITH_CMD.includes(name)) ? null : name;
}

export function shortcuts(commands: Commands): (event: KeyboardEvent) => void {
  let first = '';
  let firstAt = 0;
  return (event) => {
    const key = nameOf(event);
    if (key === null || event.defaultPrevented) return;
    const row = rows.find(({ keys }) => keys === key);
    if (isTyping(event.target) && !row?.inFields) return;
    if (document.querySelector('dialog[open]') && !row?.inDialogs) return;
    if (row?.run) {
      if (row.run(commands)) event.preventDefault();
      return;
    }
    const of = (keys: string) => commands.all.find((command) => command.keys?.includes(keys));
    // A key that makes no pair with the one before may begin one itself.
    const isSecond = first !== '' && event.timeStamp - firstAt < SECOND_KEY_MS;
    const found = (isSecond ? of(`${first} ${key}`) : undefined) ?? of(key);
    first = found || key.startsWith('Ctrl ') ? '' : key;
    firstAt = event.timeStamp;
    if (!found) return;
    event.preventDefault();
    found.run();
  };
}
