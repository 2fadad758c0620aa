/**
 * What has the focus may go: a row that has ended, a button that becomes another. Browsers then
 * focus nothing, and whoever has no mouse begins at the top again. Here the focus goes to what took
 * its place, or stands nearest, in the same dialog or page.
 */
const FOCUSABLE =
  'a[href], button:not(:disabled), input:not(:disabled, [type=hidden]), select:not(:disabled), ' +
  'textarea:not(:disabled), [tabindex]:not([tabindex="-1"])';

/** Where something stands: each parent up to the root, and which child of it the way goes through. */
interface Place {
  node: Element;
  root: HTMLElement;
  steps: { parent: Element; index: number }[];
}

function placeOf(node: Element, root: HTMLElement): Place {
  const steps: Place['steps'] = [];
  for (let at = node; at !== root && at.parentElement; at = at.parentElement)
    steps.push({ parent: at.parentElement, index: [...at.parentElement.children].indexOf(at) });
  return { node, root, steps };
}

const isSeen = (node: HTMLElement) =>
  typeof node.checkVisibility !== 'function' || node.checkVisibility();

/** Nothing of a dialog within a page is a part of that page. */
function focusableIn(node: Element, root: HTMLElement): HTMLElement | undefined {
  const all = [node, ...node.querySelectorAll(FOCUSABLE)];
  return all.find(
    (one): one is HTMLElement =>
      one instanceof HTMLElement &&
      one.matches(FOCUSABLE) &&
      isSeen(one) &&
      one.closest('dialog, main') === root,
  );
}

/** Something marked with `data-keep` may stand elsewhere, made anew: the same way into it. */
function elsewhere({ root, steps }: Place): HTMLElement | undefined {
  const i = steps.findIndex(({ parent }) => parent.hasAttribute('data-keep'));
  const key = steps[i]?.parent.getAttribute('data-keep');
  const marked = [...root.querySelectorAll('[data-keep]')];
  const again = marked.find((one) => one.getAttribute('data-keep') === key);
  if (i < 0 || !again || again === steps[i]?.parent) return undefined;
  let at: Element = again;
  for (const { index } of steps.slice(0, i + 1).toReversed()) {
    const child = at.children[index];
    if (!child) break;
    at = child;
  }
  for (let up: Element | null = at; up && up !== again.parentElement; up = up.parentElement) {
    const found = focusableIn(up, root);
    if (found) return found;
  }
  return undefined;
}

/** What now stands there; else what comes after it, or before. */
function nearest(place: Place): HTMLElement {
  const { root, steps } = place;
  const found = elsewhere(place);
  if (found) return found;
  for (const { parent, index } of steps) {
    if (!root.contains(parent)) continue;
    const children = [...parent.children];
    for (const child of [...children.slice(index), ...children.slice(0, index).toReversed()]) {
      const found = focusableIn(child, root);
      if (found) return found;
    }
  }
  return root;
}

/** Watches the document; returns how to stop that. */
export function keepFocus(doc: Document = document): () => void {
  /** The last in the page, and the last in a dialog. */
  const last: { page: Place | null; dialog: Place | null } = { page: null, dialog: null };

  function remember(event: FocusEvent) {
    if (!(event.target instanceof Element)) return;
    const dialog = event.target.closest<HTMLElement>('dialog');
    const root = dialog ?? event.target.closest<HTMLElement>('main');
    if (root) last[dialog ? 'dialog' : 'page'] = placeOf(event.target, root);
    if (!dialog) last.dialog = null;
    if (!root) last.page = null;
  }

  /** Left by someone, not taken away: there is nothing to be kept. */
  function forget({ target, relatedTarget }: FocusEvent) {
    if (relatedTarget !== null || !(target instanceof Element)) return;
    setTimeout(() => {
      if (!target.isConnected || target === doc.activeElement) return;
      if (last.page?.node === target) last.page = null;
      if (last.dialog?.node === target) last.dialog = null;
    });
  }

  function look(records: MutationRecord[]) {
    if (doc.activeElement !== doc.body && doc.activeElement !== null) return;
    const open = doc.querySelector('dialog[open]');
    const place = open ? last.dialog : last.page;
    if (!place || !place.root.isConnected || (open && place.root !== open)) return;
    const { node } = place;
    const isMoved = () =>
      records.some(({ removedNodes }) => [...removedNodes].some((one) => one.contains(node)));
    if (!node.isConnected) nearest(place).focus();
    else if (node instanceof HTMLElement && isMoved()) node.focus();
  }

  const observer = new MutationObserver(look);
  observer.observe(doc.body, { childList: true, subtree: true });
  doc.addEventListener('focusin', remember);
  doc.addEventListener('focusout', forget);
  return () => {
    observer.disconnect();
    doc.removeEventListener('focusin', remember);
    doc.removeEventListener('focusout', forget);
  };
}
