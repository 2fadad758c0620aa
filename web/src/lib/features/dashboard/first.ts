/** Models to begin with, the most able first: which of them fit, the server tells. */
import type { Fit } from '$lib/api/schema';

export interface Pick {
  id: string;
  name: string;
  what: string;
}

export const picks: readonly Pick[] = [
  {
    id: 'ggml-org/gpt-oss-20b-GGUF',
    name: 'gpt-oss 20B',
    what: 'General chat, thinks before it answers.',
  },
  { id: 'ggml-org/gemma-3-12b-it-GGUF', name: 'Gemma 3 12B', what: 'General chat and images.' },
  { id: 'ggml-org/Qwen3-8B-GGUF', name: 'Qwen3 8B', what: 'Thinks before it answers.' },
  { id: 'ggml-org/gemma-3-4b-it-GGUF', name: 'Gemma 3 4B', what: 'Small: chat and images.' },
  { id: 'ggml-org/gemma-3-1b-it-GGUF', name: 'Gemma 3 1B', what: 'Very small, fast anywhere.' },
  { id: 'ggml-org/Qwen3-0.6B-GGUF', name: 'Qwen3 0.6B', what: 'The smallest, to try things out.' },
];

/** So many are offered. */
export const OFFERED = 3;

export interface Offer extends Pick {
  fit: Fit;
}

/** Asks one after the other until there are enough; what a hub does not have is left out. */
export async function offers(
  ask: (id: string) => Promise<Fit>,
  onoffer: (offer: Offer) => void,
): Promise<unknown> {
  let n = 0;
  let problem: unknown = null;
  for (const pick of picks) {
    try {
      const fit = await ask(pick.id);
      if (fit.fits === 'yes') {
        onoffer({ ...pick, fit });
        n += 1;
      }
    } catch (error) {
      problem ??= error;
    }
    if (n === OFFERED) break;
  }
  return n === 0 ? problem : null;
}
