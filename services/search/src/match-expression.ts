/**
 * The FTS5 expressions for the typed words, from the closest kind of match to the loosest: all words
 * whole, then all as beginnings, each in the title before anywhere.
 * Words hold letters and digits only (`wordsOf`) and stand in quotes, so none can be read as syntax.
 */
export function closeMatches(typed: readonly string[]): string[] {
  const whole = typed.map((word) => `"${word}"`).join(" AND ");
  const beginnings = typed.map((word) => `"${word}"*`).join(" AND ");
  return [`title : (${whole})`, whole, `title : (${beginnings})`, beginnings];
}

/** The expression that takes for each word also the words it may have been meant to be. */
export function typoMatch(typed: readonly string[], meant: (word: string) => readonly string[]): string {
  return typed
    .map((word) => `(${[`"${word}"*`, ...meant(word).map((other) => `"${other}"`)].join(" OR ")})`)
    .join(" AND ");
}
