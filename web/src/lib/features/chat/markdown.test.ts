import { beforeAll, describe, expect, test } from 'vitest';
import { formulas, highlighter } from './extras.svelte';
import { GrowingMarkdown } from './markdown';

const html = (text: string) => new GrowingMarkdown().update(text).join('');
function node(text: string): HTMLElement {
  const div = document.createElement('div');
  div.innerHTML = html(text);
  return div;
}

// Before them all: what could act must not with them, either.
beforeAll(async () => {
  expect(html('```c\nint a;\n```')).not.toContain('hljs');
  expect(node('$a$').textContent?.trim()).toBe('$a$');
  await Promise.all([formulas.come(), highlighter.come()]);
});

describe('what could act does not', () => {
  const attacks = [
    '<script>alert(1)</script>',
    'a <img src=x onerror=alert(1)> b',
    '<svg onload=alert(1)>',
    '[x](javascript:alert(1))',
    '[x](JaVaScRiPt&colon;alert(1))',
    '[x](data:text/html;base64,PHNjcmlwdD4=)',
    '<javascript:alert(1)>',
    '<iframe src="https://example.org"></iframe>',
    '<form action="https://example.org"><input name=a></form>',
    '<a href="https://example.org" onclick="alert(1)">x</a>',
    '![x](https://example.org/a.png)',
    '![x](data:image/svg+xml;base64,PHN2Zz4=)',
    '```"><img src=x onerror=alert(1)>\ncode\n```',
    '<div style="background:url(https://example.org)">x</div>',
    '$\\href{javascript:alert(1)}{x}$',
    '$\\includegraphics{https://example.org/a.png}$',
    '$\\text{<img src=x onerror=alert(1)>}$',
    '$$\\style{background:url(https://example.org)}{x}$$',
    '<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>',
    '```html\n<img src=x onerror=alert(1)>\n```',
  ];
  test.each(attacks)('%s', (attack) => {
    const at = node(attack);
    expect(at.querySelector('script, svg, iframe, form, input, style, img')).toBeNull();
    for (const one of at.querySelectorAll('*'))
      for (const { name, value } of one.attributes) {
        expect(name).not.toMatch(/^(on|style)/);
        expect(value).not.toMatch(/^\s*(javascript|data):/i);
      }
  });
});

test('links leave nothing behind; images of other hosts are links', () => {
  const [link, image] = node(
    '[a](https://a.example) ![b](https://b.example/b.png)',
  ).querySelectorAll('a');
  expect(link?.getAttribute('rel')).toBe('noopener noreferrer');
  expect(link?.getAttribute('target')).toBe('_blank');
  expect(image?.getAttribute('href')).toBe('https://b.example/b.png');
  expect(node('![c](data:image/png;base64,AAAA)').querySelector('img')?.alt).toBe('c');
});

test('code has its language and a button; tags are text', () => {
  const at = node('```c\nint a = 1 < 2;\n```');
  expect(at.querySelector('pre')?.textContent).toBe('int a = 1 < 2;');
  expect(at.querySelector('.hd span')?.textContent).toBe('c');
  expect(at.querySelector('button')?.hasAttribute('data-copy')).toBe(true);
  expect(node('say <b>bold</b>').textContent).toContain('<b>bold</b>');
});

test('code of a named language is coloured, its text as it was', () => {
  const at = node('```c\nreturn "a<b"; /* no */\n```');
  expect(at.querySelector('pre')?.textContent).toBe('return "a<b"; /* no */');
  expect(at.querySelector('.hljs-keyword')?.textContent).toBe('return');
  expect(at.querySelector('.hljs-comment')?.textContent).toBe('/* no */');
  expect(node('```nosuch\nreturn 1;\n```').querySelector('code span')).toBeNull();
  expect(node('```\nreturn 1;\n```').querySelector('code span')).toBeNull();
});

describe('formulas', () => {
  const formula = (text: string) =>
    [...node(text).querySelectorAll('math')].map((one) => one.getAttribute('display') ?? 'inline');
  test.each([
    ['so $a^2 + b^2$ holds', ['inline']],
    ['so \\(a_1\\) and \\(b\\)', ['inline', 'inline']],
    ['$$\na\n- b\n$$', ['block']],
    ['Then\n\\[ \\frac{a}{b} \\]\nand on', ['block']],
    ['in a line $$x$$ too', ['block']],
    ['- of a list: $x*y*z$', ['inline']],
    ['it costs $5 or $10', []],
    ['$ a $ has blanks, and 5$ to 6$ none', []],
    ['`$a$` and \\$a\\$', []],
    ['```sh\necho $A $B\n```', []],
    ['$$\na\n\nb\n$$', []],
  ])('%s', (text, expected) => expect(formula(text)).toEqual(expected));

  test('what is no TeX is shown as it is', () => {
    expect(node('so $\\frac{a$ no').querySelector('code')?.textContent).toBe('$\\frac{a$');
    expect(formula('so $\\def\\x{\\x\\x}\\x$')).toEqual([]);
  });
  test('an aligned one has its cells', () => {
    const at = node('$$\\begin{aligned} a &= b \\\\ &= c \\end{aligned}$$');
    expect(at.querySelectorAll('mtr').length).toBe(2);
  });
});

test('what grows by pieces ends as what came at once, and the finished blocks stay', () => {
  const text =
    '# T\n\nOne *two*\nthree\n\n- a\n- b\n\n  c\n- d\n\n```js\nlet x;\n\nlet y;\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\nSo $a$:\n$$\nx\n= y\n$$\n\\[ z \\]\n\nEnd\r\n\r\n1. x\n2. y\n';
  const growing = new GrowingMarkdown();
  let before: string[] = [];
  for (let n = 1; n <= text.length; n += 1) {
    const blocks = growing.update(text.slice(0, n));
    expect(blocks.slice(0, Math.max(0, before.length - 1))).toEqual(before.slice(0, -1));
    before = blocks;
  }
  expect(before.join('')).toBe(html(text));
  expect(growing.update('Other').join('')).toContain('Other');
});
