/** Puts a text on the clipboard; rejects where the browser lets nobody do that. */
export async function copyText(text: string): Promise<void> {
  // Absent over plain HTTP beyond loopback, where the old way still works.
  if (navigator.clipboard as Clipboard | undefined) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const focused = document.activeElement as HTMLElement | null;
  const area = document.createElement('textarea');
  area.value = text;
  area.readOnly = true;
  area.style.cssText = 'position:fixed;top:0;left:0;opacity:0';
  // Outside of an open dialog nothing can be selected.
  (focused?.closest('dialog') ?? document.body).append(area);
  area.select();
  // There is no other way there.
  const isDone = document.execCommand('copy');
  area.remove();
  focused?.focus({ preventScroll: true });
  if (!isDone) throw new DOMException('The browser does not let this page copy', 'NotAllowedError');
}
