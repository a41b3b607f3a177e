import { ConcurrencyLimit, type LoopMeter, UnloadedTime } from "@antiphon/mesh/admission";
import { EventQueue } from "./event-queue.ts";

/** What a call does: waits for somebody else, then computes. */
export interface Work {
  readonly waitMs: number;
  readonly cpuMs: number;
}

/** What one phase of a load came to. */
export class Tally {
  offered = 0;
  refused = 0;
  readonly tookMs: number[] = [];
}

/** What the process itself spends on a call beside its handler, and on one that it refuses. */
const CALL_MS = 0.15;
const REFUSAL_MS = 0.1;

interface OpenCall {
  readonly arrivedAtMs: number;
  readonly tally: Tally;
}

/**
 * A process of Node in virtual time, with the mesh's real admission. Each turn of its event loop reads
 * whatever has come, and runs what that brings about; answers leave when the turn ends.
 */
export class VirtualProcess implements LoopMeter {
  readonly limit: ConcurrencyLimit;
  readonly #random: () => number;
  readonly #unloaded = new UnloadedTime();
  readonly #events = new EventQueue();
  #immediates: ((nowMs: number) => void)[] = [];
  #answered: OpenCall[] = [];
  #nowMs = 0;
  #busyMs = 0;
  #seen = { nowMs: 0, busyMs: 0 };

  constructor(random: () => number) {
    this.#random = random;
    this.limit = new ConcurrencyLimit(this);
  }

  nowMs(): number {
    return this.#nowMs;
  }
  cpuMs(): number {
    return this.#busyMs;
  }
  utilisation(): number {
    const { nowMs, busyMs } = this.#seen;
    this.#seen = { nowMs: this.#nowMs, busyMs: this.#busyMs };
    return (this.#busyMs - busyMs) / (this.#nowMs - nowMs);
  }
  afterTurn(end: (nowMs: number) => void): void {
    this.#immediates.push(end);
  }

  /** So many calls a second, or bursts of them, at random times; counts those that arrive after `settleMs`. */
  load(
    perSecond: number,
    work: () => Work,
    { settleMs = 0, forMs, burst = 1 }: { settleMs?: number; forMs: number; burst?: number },
  ): Tally {
    const [settling, tally] = [new Tally(), new Tally()];
    const startedAtMs = this.#nowMs;
    const endsAtMs = startedAtMs + settleMs + forMs;
    const arrive = (atMs: number) => {
      if (atMs >= endsAtMs) return;
      this.#events.add(atMs, () => {
        const counted = atMs >= startedAtMs + settleMs;
        for (let call = 0; call < burst; call++) this.#arrive(atMs, work(), counted ? tally : settling);
        arrive(atMs - Math.log(1 - this.#random()) * ((1_000 * burst) / perSecond));
      });
    };
    arrive(startedAtMs);
    this.#runUntilIdle();
    return tally;
  }

  /** Other work that blocks the loop for `pieceMs` in each turn. */
  hog(pieceMs: number, untilMs: number): void {
    this.#events.add(this.#nowMs, () => {
      this.#spend(pieceMs);
      if (this.#nowMs < untilMs) this.hog(pieceMs, untilMs);
    });
  }

  #arrive(arrivedAtMs: number, { waitMs, cpuMs }: Work, tally: Tally): void {
    tally.offered++;
    if (this.limit.refusal("normal", this.#unloaded.ms)) {
      tally.refused++;
      this.#spend(REFUSAL_MS);
      return;
    }
    const enteredAtMs = this.limit.enter("normal", this.#nowMs);
    this.limit.start(this.#nowMs, () => {
      const begunAtMs = this.#nowMs;
      const finish = () => {
        this.#spend(cpuMs + CALL_MS);
        this.limit.leave(
          { priority: "normal", enteredAtMs, begunAtMs, ending: "answered", unloaded: this.#unloaded },
          this.#nowMs,
        );
        this.#answered.push({ arrivedAtMs, tally });
      };
      if (waitMs === 0) finish();
      else this.#events.add(this.#nowMs + waitMs, finish);
    });
  }

  #runUntilIdle(): void {
    while (this.#events.size > 0 || this.#immediates.length > 0) {
      if (this.#immediates.length === 0) this.#nowMs = Math.max(this.#nowMs, this.#events.nextAtMs);
      const polledAtMs = this.#nowMs;
      while (this.#events.nextAtMs <= polledAtMs) this.#events.take()();
      for (const { arrivedAtMs, tally } of this.#answered.splice(0))
        tally.tookMs.push(this.#nowMs - arrivedAtMs);
      for (const end of this.#immediates.splice(0)) end(this.#nowMs);
    }
  }

  #spend(ms: number): void {
    this.#nowMs += ms;
    this.#busyMs += ms;
  }
}
