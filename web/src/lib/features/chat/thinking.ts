/** Takes a leading <think>...</think> out of an answer that comes in pieces. */
const OPEN = '<think>';
const CLOSE = '</think>';

export interface Pieces {
  thinking: string;
  text: string;
}

/** How many of the last characters may be the beginning of `mark`. */
function held(text: string, mark: string): number {
  for (let n = Math.min(text.length, mark.length - 1); n > 0; n -= 1)
    if (text.endsWith(mark.slice(0, n))) return n;
  return 0;
}

export class ThinkingSplitter {
  #where: 'start' | 'thinking' | 'after' | 'text' = 'start';
  #rest = '';

  push(piece: string): Pieces {
    const out = { thinking: '', text: '' };
    this.#rest += piece;
    if (this.#where === 'start') {
      const begin = this.#rest.trimStart();
      if (begin.startsWith(OPEN)) {
        this.#where = 'thinking';
        this.#rest = begin.slice(OPEN.length);
      } else if (OPEN.startsWith(begin)) return out;
      else this.#where = 'text';
    }
    if (this.#where === 'thinking') {
      const end = this.#rest.indexOf(CLOSE);
      if (end < 0) {
        const keep = held(this.#rest, CLOSE);
        out.thinking = this.#rest.slice(0, this.#rest.length - keep);
        this.#rest = this.#rest.slice(this.#rest.length - keep);
        return out;
      }
      out.thinking = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + CLOSE.length);
      this.#where = 'after';
    }
    if (this.#where === 'after') {
      this.#rest = this.#rest.trimStart();
      if (this.#rest === '') return out;
      this.#where = 'text';
    }
    out.text = this.#rest;
    this.#rest = '';
    return out;
  }

  /** What was held back, when nothing more comes. */
  end(): Pieces {
    const rest = this.#rest;
    this.#rest = '';
    return this.#where === 'thinking' ? { thinking: rest, text: '' } : { thinking: '', text: rest };
  }
}
