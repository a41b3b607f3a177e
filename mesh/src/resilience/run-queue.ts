/** No call begins in a turn of the event loop whose calls have had so long: it waits for the next one. */
const SLICE_MS = 2;

/** What a queue needs to know of the event loop of this thread. */
export interface LoopTurns {
  nowMs(): number;
  /** Calls `end` once, with the time, when all that the current turn read from its sockets has been dealt with. */
  afterTurn(end: (nowMs: number) => void): void;
}

/**
 * Spreads the beginnings of calls over turns of the event loop. Node runs all handlers of the calls that it
 * read in one turn before it sends the first answer, and before it reads who came meanwhile. So a handler that
 * computes for 30 ms ends a turn, and the others wait here: an answer leaves when it is there, and the wait is
 * seen, by whoever decides on the next call. A call that comes alone, or among others that do not compute,
 * begins at once. First come, first served; O(1).
 */
export class RunQueue {
  readonly #loop: LoopTurns;
  readonly #onTurnEnd = (nowMs: number) => this.#nextTurn(nowMs);
  readonly #waiting: (() => void)[] = [];
  #turnAtMs: number | undefined;
  #pausedAtMs: number | undefined;
  #standingSinceMs: number | undefined;

  constructor(loop: LoopTurns) {
    this.#loop = loop;
  }

  /** How many calls wait. */
  get depth(): number {
    return this.#waiting.length;
  }

  /** For how long somebody has been waiting without a pause: a burst passes, an overload stays. */
  standingMs(nowMs: number): number {
    return this.#standingSinceMs === undefined ? 0 : nowMs - this.#standingSinceMs;
  }

  /** Runs `begin` now, or in one of the next turns. It must not throw. */
  start(nowMs: number, begin: () => void): void {
    if (this.#turnAtMs === undefined) this.#newTurn(nowMs);
    if (this.depth === 0 && nowMs - this.#turnAtMs! < SLICE_MS) {
      begin();
      return;
    }
    this.#standingSinceMs ??= nowMs;
    this.#waiting.push(begin);
  }

  #newTurn(nowMs: number): void {
    this.#turnAtMs = nowMs;
    this.#loop.afterTurn(this.#onTurnEnd);
  }

  #nextTurn(nowMs: number): void {
    this.#turnAtMs = undefined;
    if (this.depth === 0) return;
    this.#newTurn(nowMs);
    // As long as others had the loop: who blocks it shall not starve calls as well.
    const endsAtMs = nowMs + Math.max(SLICE_MS, nowMs - (this.#pausedAtMs ?? nowMs));
    do this.#waiting.shift()!();
    while (this.depth > 0 && this.#loop.nowMs() < endsAtMs);
    const isEmpty = this.depth === 0;
    this.#pausedAtMs = isEmpty ? undefined : this.#loop.nowMs();
    if (isEmpty) this.#standingSinceMs = undefined;
  }
}
