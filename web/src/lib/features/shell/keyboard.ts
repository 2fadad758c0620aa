/**
 * The keyboard: Ctrl K, "/" for the page's filter, and the keys of the commands: one, or two in a
 * row ("g d"). Nothing with Ctrl but K, so that the browser's own go on working.
 */
import type { Commands } from '$lib/state/commands.svelte';

const SECOND_KEY_MS = 1000;

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

export function shortcuts(commands: Commands): (event: KeyboardEvent) => void {
  let first = '';
  let firstAt = 0;
  return (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      if (commands.isOpen) commands.close();
      else commands.open();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isTyping(event.target) || document.querySelector('dialog[open]')) return;
    if (event.key === '/') {
      const filter = document.querySelector<HTMLInputElement>('[data-filter]');
      if (filter) {
        event.preventDefault();
        filter.focus();
      }
      return;
    }
    const isSecond = first !== '' && event.timeStamp - firstAt < SECOND_KEY_MS;
    const of = (keys: string) => commands.all.find((command) => command.keys === keys);
    // A key that makes no pair with the one before may begin one itself.
    const found = (isSecond ? of(`${first} ${event.key}`) : undefined) ?? of(event.key);
    first = found ? '' : event.key;
    firstAt = event.timeStamp;
    if (!found) return;
    event.preventDefault();
    found.run();
  };
}
