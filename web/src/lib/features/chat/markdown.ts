/** Markdown of a model as HTML that does nothing and asks nobody. */
import DOMPurify from 'dompurify';
import { Marked, type Token, type TokensList } from 'marked';
import { formulas, highlighter } from './extras.svelte';
import { formulaRules } from './math';

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escape = (text: string): string => text.replace(/[&<>"]/g, (c) => escapes[c] ?? c);

function anchor(href: string, inner: string): string {
  return /^(https?:|mailto:)/i.test(href)
    ? `<a class="link" href="${escape(href)}" target="_blank" rel="noopener noreferrer">${inner}</a>`
    : inner;
}

/** So much code is coloured at once while it grows. */
const COLOURED_MAX = 64 * 1024;

/** Coloured where it says of which language it is. */
function codeOf(text: string, language: string): string {
  if (!language || text.length > COLOURED_MAX) return escape(text);
  const program = highlighter.get();
  return program?.getLanguage(language)
    ? program.highlight(text, { language, ignoreIllegals: true }).value
    : escape(text);
}

const marked = new Marked({
  gfm: true,
  extensions: formulaRules(escape),
  renderer: {
    // Tags that a model writes are its text; only a line break in a cell is meant as one.
    html: ({ text }) => (/^<br\s*\/?>$/i.test(text.trim()) ? '<br>' : escape(text)),
    link({ href, tokens }) {
      return anchor(href, this.parser.parseInline(tokens));
    },
    image: ({ href, text }) =>
      /^data:image\/(png|jpeg|gif|webp);base64,/i.test(href)
        ? `<img src="${escape(href)}" alt="${escape(text)}">`
        : anchor(href, escape(text || 'image')),
    checkbox: ({ checked }) => (checked ? '[x] ' : '[ ] '),
    code({ text, lang }) {
      const name = (lang ?? '').trim().split(/\s/)[0] ?? '';
      return (
        `<div class="code"><div class="hd"><span>${escape(name || 'text')}</span>` +
        `<button type="button" class="btn ghost sm" data-copy="" aria-label="Copy code">Copy</button></div>` +
        `<pre tabindex="0"><code>${codeOf(text, name)}</code></pre></div>`
      );
    },
    table(token) {
      const cell = (one: (typeof token.header)[number], tag: string) =>
        `<${tag}${one.align ? ` align="${one.align}"` : ''}>${this.parser.parseInline(one.tokens)}</${tag}>`;
      const row = (cells: typeof token.header, tag: string) =>
        `<tr>${cells.map((one) => cell(one, tag)).join('')}</tr>`;
      return (
        `<div class="sheet" tabindex="0"><table><thead>${row(token.header, 'th')}</thead>` +
        `<tbody>${token.rows.map((cells) => row(cells, 'td')).join('')}</tbody></table></div>`
      );
    },
  },
});

const tags =
  'p br a strong em del code pre h1 h2 h3 h4 h5 h6 ul ol li blockquote hr table thead tbody tr th td img div span button';
// MathML Core, without what holds other languages.
const mathTags =
  'math merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover';
const mathAttributes =
  'accent accentunder columnspan depth display displaystyle fence form height largeop linethickness lspace mathvariant maxsize minsize movablelimits rowspan rspace scriptlevel separator stretchy symmetric voffset width';
const rules = {
  ALLOWED_TAGS: `${tags} ${mathTags}`.split(' '),
  ALLOWED_ATTR:
    `href target rel class src alt align start type data-copy aria-label tabindex ${mathAttributes}`.split(
      ' ',
    ),
  ALLOW_DATA_ATTR: false,
  ADD_ATTR: ['data-copy'],
  ADD_URI_SAFE_ATTR:
    `target rel align start type data-copy aria-label tabindex ${mathAttributes}`.split(' '),
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|data:image\/(?:png|jpeg|gif|webp);base64,)/i,
};

function html(tokens: Token[]): string {
  return DOMPurify.sanitize(marked.parser(tokens as TokensList), rules);
}

/** One document that grows at its end: what is finished is not read again. */
export class GrowingMarkdown {
  #done = '';
  /** Of what is finished. */
  #blocks: string[] = [];
  /** What it was made with. */
  #means: readonly unknown[] = [];

  /** The blocks of `source`; all but the last stay as they are while it grows. */
  update(source: string): string[] {
    const text = source.replace(/\r\n?/g, '\n');
    const means = [highlighter.value, formulas.value];
    if (!text.startsWith(this.#done) || means.some((one, i) => one !== this.#means[i])) {
      this.#means = means;
      this.#done = '';
      this.#blocks = [];
    }
    const tokens: Token[] = marked.lexer(text.slice(this.#done.length));
    let last = tokens.length - 1;
    while (last > 0 && tokens[last]?.type === 'space') last -= 1;
    const finished = tokens.slice(0, Math.max(0, last));
    for (const token of finished) {
      this.#done += token.raw;
      if (token.type !== 'space') this.#blocks.push(html([token]));
    }
    const rest = tokens.slice(finished.length).filter(({ type }) => type !== 'space');
    return rest.length ? [...this.#blocks, html(rest)] : [...this.#blocks];
  }
}
