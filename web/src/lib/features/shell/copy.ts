import { toasts } from '$lib/state/toasts.svelte';
import { copyText } from '$lib/ui/clipboard';

/** Copies a text and tells so: nothing that is shown does. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await copyText(text);
    toasts.show({ kind: 'copy', tone: 'ok', title: `${what} copied` });
  } catch {
    toasts.show({
      kind: 'copy',
      tone: 'bad',
      title: `${what} not copied`,
      text: 'The browser does not let this page copy.',
    });
  }
}
