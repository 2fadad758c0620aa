/**
 * TeX in markdown: \( \) and $ $ in a line, \[ \] and $$ $$ as blocks. As Pandoc has it
 * (tex_math_dollars), a $ opens before what is no blank, closes after what is none and before no
 * digit: prices stay prices. A formula has no blank line.
 */
import type { TokenizerAndRendererExtension, Tokens } from 'marked';
import { formulas } from './extras.svelte';

interface Formula extends Tokens.Generic {
  tex: string;
  isBlock: boolean;
}

const BODY = String.raw`((?:(?!\n[ \t]*\n)[\s\S])+?)`;
const block = [
  new RegExp(String.raw`^ {0,3}\$\$${BODY}\$\$[ \t]*(?:\n|$)`),
  new RegExp(String.raw`^ {0,3}\\\[${BODY}\\\][ \t]*(?:\n|$)`),
];
const inBlock = [
  new RegExp(String.raw`^\$\$${BODY}\$\$`),
  new RegExp(String.raw`^\\\[${BODY}\\\]`),
];
const inLine = [
  new RegExp(String.raw`^\\\(${BODY}\\\)`),
  /^\$(?![\s$])((?:\\[^\n]|[^\\$\n])*?(?:\\[^\n]|[^\\$\s]))\$(?![\d$])/,
];

function find(from: string, rules: readonly RegExp[], isBlock: boolean): Formula | undefined {
  for (const rule of rules) {
    const found = rule.exec(from);
    if (found?.[1]?.trim()) return { type: '', raw: found[0], tex: found[1].trim(), isBlock };
  }
  return undefined;
}

/** `escape`: text as HTML. What is no TeX, or comes before the program for it, is shown as it is. */
export function formulaRules(escape: (text: string) => string): TokenizerAndRendererExtension[] {
  function renderer(token: Tokens.Generic): string {
    const { tex, isBlock, raw } = token as Formula;
    const temml = formulas.get();
    let made = escape(raw.trim());
    try {
      if (temml)
        made = temml
          .renderToString(tex, {
            displayMode: isBlock,
            throwOnError: true,
            maxSize: [20, 20],
            maxExpand: 200,
          })
          // The page's policy forbids styles; text has its quotes escaped. What is a block is said again.
          .replace(/ style="[^"]*"/g, '')
          .replace('<math', isBlock ? '<math display="block"' : '<math');
    } catch {
      made = `<code>${made}</code>`;
    }
    return isBlock ? `<span class="formula" tabindex="0">${made}</span>` : made;
  }
  return [
    {
      name: 'formulaBlock',
      level: 'block',
      start: (from) => /(?:^|\n) {0,3}(?:\$\$|\\\[)/.exec(from)?.index,
      tokenizer(from) {
        const found = find(from, block, true);
        return found && { ...found, type: 'formulaBlock' };
      },
      renderer,
    },
    {
      name: 'formula',
      level: 'inline',
      start: (from) => /\$|\\[([]/.exec(from)?.index,
      tokenizer(from) {
        const found = find(from, inBlock, true) ?? find(from, inLine, false);
        return found && { ...found, type: 'formula' };
      },
      renderer,
    },
  ];
}
