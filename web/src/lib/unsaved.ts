/** Asks before a page is left whose changes are not saved. To be called while a component is made. */
import { beforeNavigate } from '$app/navigation';
import { onMount } from 'svelte';

/**
 * `what`: the question, or null when nothing would be lost. `isKept`: what is changed outlives
 * another address of the same page (its filter, its section).
 */
export function guardUnsaved(what: () => string | null, { isKept = false } = {}): void {
  beforeNavigate((navigation) => {
    const { from, to, willUnload } = navigation;
    const question = what();
    if (question === null || willUnload) return; // a page that unloads is asked for below
    const isSamePage = from && to && from.url.pathname === to.url.pathname;
    if (isSamePage && (isKept || from.url.search === to.url.search)) return;
    if (!confirm(question)) navigation.cancel();
  });
  onMount(() => {
    const ask = (event: BeforeUnloadEvent) => {
      if (what() !== null) event.preventDefault();
    };
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  });
}
