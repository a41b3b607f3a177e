import { Closeness, closeness } from "./typo.ts";

/** What of an entry is searched, each as folded words with a blank between them. */
export interface SearchText {
  readonly title: string;
  readonly artist: string;
  readonly album: string;
}

/**
 * Exact before prefix before typo, and within each of them title before artist before album: the
 * weights are spaced so that every product keeps this order, with room for the tie-breaks below.
 */
const CLOSENESS_WEIGHT: Readonly<Record<Closeness, number>> = {
  [Closeness.exact]: 1,
  [Closeness.prefix]: 0.6,
  [Closeness.typo]: 0.36,
  [Closeness.typoInPrefix]: 0.21,
};
const FIELD_WEIGHT = { title: 1, artist: 0.8, album: 0.64 } as const;
const FIELDS = ["title", "artist", "album"] as const;
const BEGINS_WEIGHT = 0.01;
const COVERAGE_WEIGHT = 0.005;

/**
 * How well an entry answers the typed words; more is better, comparable within one query only.
 * Equal matches: titles that begin with the query first, then those that have little else in them.
 */
export function scoreOf(typed: readonly string[], text: SearchText): number {
  let sum = 0;
  for (const word of typed) sum += bestOf(word, text);
  const begins = text.title.startsWith(typed.join(" ")) ? BEGINS_WEIGHT : 0;
  const coverage = Math.min(1, typed.length / (text.title.split(" ").length || 1)) * COVERAGE_WEIGHT;
  return sum / typed.length + begins + coverage;
}

function bestOf(typed: string, text: SearchText): number {
  let best = 0;
  for (const field of FIELDS) {
    if (FIELD_WEIGHT[field] <= best) break;
    for (const word of text[field].split(" ")) {
      const close = closeness(typed, word);
      if (close !== undefined) best = Math.max(best, CLOSENESS_WEIGHT[close] * FIELD_WEIGHT[field]);
    }
  }
  return best;
}
