// UI.md's promise about colours, in both themes: text is 4.5:1 on every ground
// it may stand on, edges of inputs, bars and series are 3:1.
import fs from 'node:fs';
import { describe, expect, test } from 'vitest';

const css = fs.readFileSync('src/styles/tokens.css', 'utf8');
type Theme = 'light' | 'dark';

function token(name: string, theme: Theme): string {
  const found = new RegExp(`--${name}:\\s*([^;]+);`).exec(css)?.[1]?.trim();
  if (!found) throw new Error(`no token --${name}`);
  const alias = /^var\(--([\w-]+)\)$/.exec(found)?.[1];
  if (alias) return token(alias, theme);
  const pair = /^light-dark\((#[\da-f]{6}), (#[\da-f]{6})\)$/.exec(found);
  const colour = pair?.[theme === 'light' ? 1 : 2];
  if (!colour) throw new Error(`--${name} is ${found}`);
  return colour;
}

/** Relative luminance (WCAG 2.2). */
function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5]
    .map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * (r ?? 0) + 0.7152 * (g ?? 0) + 0.0722 * (b ?? 0);
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return ((high ?? 0) + 0.05) / ((low ?? 0) + 0.05);
}

const grounds = ['canvas', 'side', 'surface', 'raised', 'well', 'hover', 'selected'];
const pairs: [ink: string, grounds: string[], least: number][] = [
  ...['text', 'text-2', 'text-3', 'accent'].map((ink): [string, string[], number] => [
    ink,
    grounds,
    4.5,
  ]),
  ...['ok', 'info', 'warn', 'bad'].map((ink): [string, string[], number] => [
    ink,
    ['canvas', 'side', 'surface', 'raised', 'well', 'hover', `${ink}-soft`],
    4.5,
  ]),
  ['text', ['ok-soft', 'info-soft', 'warn-soft', 'bad-soft', 'accent-soft'], 4.5],
  ['on-accent', ['accent-fill', 'accent-hover'], 4.5],
  ['control', ['surface', 'raised', 'canvas'], 3],
  ['accent-fill', ['surface', 'well'], 3],
  ...['c1', 'c2', 'c3', 'c4'].map((ink): [string, string[], number] => [ink, ['surface'], 3]),
];

describe.each(['light', 'dark'] as const)('%s', (theme) => {
  for (const [ink, on, least] of pairs)
    test.each(on)(`--${ink} on --%s`, (ground) => {
      expect(contrast(token(ink, theme), token(ground, theme))).toBeGreaterThanOrEqual(least);
    });
});
