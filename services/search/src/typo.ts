/** Shorter words have too many neighbours one typo away. */
export const MIN_TYPO_LETTERS = 4;

/** How a word as typed stands to a word of the index; a smaller number is closer. */
export const Closeness = { exact: 0, prefix: 1, typo: 2, typoInPrefix: 3 } as const;
export type Closeness = (typeof Closeness)[keyof typeof Closeness];

/**
 * Compares what was typed with a word of the index: the same, the beginning of it, or either of them
 * with one letter wrong, missing, too many, or two neighbours swapped (Damerau–Levenshtein distance 1).
 * Typos count from four letters on. Undefined where the words are further apart. O(length), no allocation.
 */
export function closeness(typed: string, word: string): Closeness | undefined {
  let same = 0;
  while (same < typed.length && typed.charCodeAt(same) === word.charCodeAt(same)) same++;
  if (same === typed.length) return same === word.length ? Closeness.exact : Closeness.prefix;
  if (typed.length < MIN_TYPO_LETTERS) return undefined;

  const tail = typed.length - same;
  const left = word.length - same;
  let inPrefix = false;
  for (const { skipTyped, skipWord } of EDITS) {
    if (skipTyped > tail || skipWord > left) continue;
    if (skipTyped === 2 && !swapped(typed, word, same)) continue;
    if (!beginsAt(word, same + skipWord, typed, same + skipTyped)) continue;
    if (tail - skipTyped === left - skipWord) return Closeness.typo;
    inPrefix = true;
  }
  return inPrefix ? Closeness.typoInPrefix : undefined;
}

/** What to step over behind the first difference: one letter wrong, too many, missing, or two swapped. */
const EDITS = [
  { skipTyped: 1, skipWord: 1 },
  { skipTyped: 1, skipWord: 0 },
  { skipTyped: 0, skipWord: 1 },
  { skipTyped: 2, skipWord: 2 },
] as const;

function swapped(a: string, b: string, at: number): boolean {
  return a.charCodeAt(at) === b.charCodeAt(at + 1) && a.charCodeAt(at + 1) === b.charCodeAt(at);
}

/** Whether the rest of `typed` stands in `word`, each from its own place on. */
function beginsAt(word: string, wordFrom: number, typed: string, typedFrom: number): boolean {
  const letters = typed.length - typedFrom;
  if (letters > word.length - wordFrom) return false;
  for (let i = 0; i < letters; i++) {
    if (typed.charCodeAt(typedFrom + i) !== word.charCodeAt(wordFrom + i)) return false;
  }
  return true;
}
