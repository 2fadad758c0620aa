import { describe, expect, test } from 'vitest';
import { GrowingMarkdown } from './markdown';

const html = (text: string) => new GrowingMarkdown().update(text).join('');
function node(text: string): HTMLElement {
  const div = document.createElement('div');
  div.innerHTML = html(text);
  return div;
}

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

test('what grows by pieces ends as what came at once, and the finished blocks stay', () => {
  const text =
    '# T\n\nOne *two*\nthree\n\n- a\n- b\n\n  c\n- d\n\n```js\nlet x;\n\nlet y;\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\nEnd\r\n\r\n1. x\n2. y\n';
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
