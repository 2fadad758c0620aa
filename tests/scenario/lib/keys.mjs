// A person without a mouse: Tab goes to what has a name, and no further.
import assert from 'node:assert/strict';

const TABS_MAX = 250;

export function keys(page) {
  // The name of what has the focus, as a screen reader would say it.
  const name = () => page.evaluate(() => {
    const at = document.activeElement;
    if (!at || at === document.body) return '';
    const by = at.getAttribute('aria-labelledby');
    const labelled = by?.split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ');
    const label = at.labels?.[0] && [...at.labels[0].childNodes].map((node) => node.textContent).join(' ');
    return (at.getAttribute('aria-label') ?? labelled ?? label ?? at.textContent ?? '').replace(/\s+/g, ' ').trim();
  });

  async function go(key, wanted) {
    const seen = [];
    for (let i = 0; i < TABS_MAX; i++) {
      await page.keyboard.press(key);
      const at = await name();
      if (wanted.test(at)) return at;
      seen.push(at);
    }
    return assert.fail(`${key} never comes to ${wanted}: ${seen.slice(0, 80).join(' | ')}`);
  }

  return {
    name,
    tabTo: (wanted) => go('Tab', wanted),
    tabBackTo: (wanted) => go('Shift+Tab', wanted),
    press: async (...all) => { for (const key of all) await page.keyboard.press(key); },
    // In place of what is in the field.
    retype: async (text) => {
      await page.keyboard.press('Control+a');
      await page.keyboard.type(text);
    },
  };
}
