/** Finding by a few letters: each of them, in order; runs and beginnings of words count more. */
export interface Match {
  score: number;
  /** Indices of the letters that matched. */
  at: readonly number[];
}

export function match(text: string, query: string): Match | null {
  const hay = text.toLowerCase();
  const at: number[] = [];
  let score = 0;
  let from = 0;
  for (const letter of query.toLowerCase().replaceAll(' ', '')) {
    const i = hay.indexOf(letter, from);
    if (i < 0) return null;
    const isRun = at.length > 0 && at.at(-1) === i - 1;
    const isWord = i === 0 || /[\s\-_./]/.test(hay[i - 1] ?? '');
    score += 1 + (isRun ? 3 : 0) + (isWord ? 2 : 0) - (isRun || isWord ? 0 : 0.5);
    at.push(i);
    from = i + 1;
  }
  return { score: score - text.length / 200, at };
}
