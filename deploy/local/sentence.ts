/**
 * What went wrong, in one sentence for the person at the terminal: it says what is missing or taken
 * and what to do. The runner prints its message and nothing else.
 */
export class Sentence extends Error {
  override readonly name = "Sentence";
}
