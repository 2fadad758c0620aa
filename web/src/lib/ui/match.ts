/**
 * Finding by a few letters: each of them, in order; runs and beginnings of words count more. A word
 * that stands there as it was typed is found there, though its letters may come before, apart.
 */
export interface Match {
  score: number;
  /** Indices of the letters that matched. */
  at: readonly number[];
}

const isStart = (text: string, i: number): boolean =>
  i === 0 || /[\s\-_./]/.test(text[i - 1] ?? '');

/** Where the word stands, best where a word begins; -1: nowhere. */
function wordAt(text: string, word: string, from: number): number {
  let i = text.indexOf(word, from);
  const first = i;
  while (i >= 0 && !isStart(text, i)) i = text.indexOf(word, i + 1);
  return i >= 0 ? i : first;
}

/** Indices of the letters of all words, in order; null: they are not all there. */
function find(text: string, words: readonly string[], isWhole: boolean): number[] | null {
  const at: number[] = [];
  for (const word of words) {
    const from = (at.at(-1) ?? -1) + 1;
    const whole = isWhole ? wordAt(text, word, from) : -1;
    let next = whole < 0 ? from : whole;
    for (const letter of word) {
      const i = text.indexOf(letter, next);
      if (i < 0) return null;
      at.push(i);
      next = i + 1;
    }
  }
  return at;
}

export function match(text: string, query: string): Match | null {
  const hay = text.toLowerCase();
  const words = query.toLowerCase().split(' ').filter(Boolean);
  const at = find(hay, words, true) ?? find(hay, words, false);
  if (!at) return null;
  let score = 0;
  for (const [n, i] of at.entries()) {
    const isRun = n > 0 && at[n - 1] === i - 1;
    const isWord = isStart(hay, i);
    score += 1 + (isRun ? 3 : 0) + (isWord ? 2 : 0) - (isRun || isWord ? 0 : 0.5);
  }
  return { score: score - text.length / 200, at };
}
