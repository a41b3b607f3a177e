/** Letters that Unicode does not take apart into a base letter and a mark. */
const LETTERS_WITHOUT_DECOMPOSITION: Readonly<Record<string, string>> = {
  ß: "ss",
  æ: "ae",
  œ: "oe",
  ø: "o",
  đ: "d",
  ð: "d",
  ł: "l",
  þ: "th",
  ı: "i",
};

/** More words than this narrow a search no further, but each costs a lookup. */
const MAX_WORDS = 10;

/** Lower case, without diacritics, ligatures and apostrophes: `Dvořák` is `dvorak`, `Don’t` is `dont`. */
export function fold(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/[\p{M}'’ʼ]/gu, "")
    .toLowerCase()
    .replace(/[ßæœøđðłþı]/g, (letter) => LETTERS_WITHOUT_DECOMPOSITION[letter] ?? letter);
}

/**
 * The folded words of a text, in order: runs of letters and digits. Everything else separates words,
 * so no sign that means something to FTS5 can come out of here. Text without letters and digits has none.
 */
export function wordsOf(text: string): string[] {
  return fold(text).match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** The distinct words of what somebody typed, at most ten. */
export function queryWords(query: string): string[] {
  return [...new Set(wordsOf(query))].slice(0, MAX_WORDS);
}
