import { afterEach, expect, test, vi } from 'vitest';
import { copyText } from './clipboard';

afterEach(() => {
  vi.unstubAllGlobals();
  document.body.innerHTML = '';
});

/** A page over plain HTTP: no clipboard; `taken` gets what is copied, and where it stood. */
function plain(isAllowed: boolean) {
  const taken: (string | null)[] = [];
  vi.stubGlobal('navigator', {});
  document.execCommand = () => {
    const area = document.querySelector('textarea');
    taken.push(area?.value ?? null, area?.parentElement?.tagName ?? null);
    return isAllowed;
  };
  return taken;
}

test('with a clipboard, that is used', async () => {
  const writeText = vi.fn(() => Promise.resolve());
  vi.stubGlobal('navigator', { clipboard: { writeText } });
  await copyText('a');
  expect(writeText).toHaveBeenCalledWith('a');
});

test('over plain HTTP it is copied from a field, in the open dialog, and the focus returns', async () => {
  const taken = plain(true);
  document.body.innerHTML = '<dialog open><button>Copy</button></dialog>';
  const button = document.querySelector('button');
  button?.focus();
  await copyText('two\nlines');
  expect(taken).toEqual(['two\nlines', 'DIALOG']);
  expect(document.querySelector('textarea')).toBeNull();
  expect(document.activeElement).toBe(button);
});

test('where that is refused, too, it says so', async () => {
  plain(false);
  await expect(copyText('a')).rejects.toThrow('does not let this page copy');
  expect(document.querySelector('textarea')).toBeNull();
});
