/**
 * - `connecting`: no connection; gets nothing.
 * - `warming`: connected, or back from an ejection; its share grows from a tenth to the whole.
 * - `healthy`: gets its share.
 * - `degraded`: discovery warns of it; gets a part of its share.
 * - `ejected`: connected, but left out for what came of its attempts.
 * - `draining`: discovery no longer knows it; attempts in flight end in peace.
 */
export type EndpointState = "connecting" | "warming" | "healthy" | "degraded" | "ejected" | "draining";

export const ENDPOINT_STATES: readonly EndpointState[] = [
  "connecting",
  "warming",
  "healthy",
  "degraded",
  "ejected",
  "draining",
];

export type EjectionCause = "consecutive_failures" | "failure_ratio" | "success_rate" | "probe_failed";

export const EJECTION_CAUSES: readonly EjectionCause[] = [
  "consecutive_failures",
  "failure_ratio",
  "success_rate",
  "probe_failed",
];

/** What a transition came of, in a word: the label of its metric. */
export type Cause =
  | EjectionCause
  | "discovered"
  | "connected"
  | "connection_lost"
  | "warmed_up"
  | "discovery_warns"
  | "warning_over"
  | "ejection_over"
  | "left_discovery";

export interface Transition {
  readonly endpoint: string;
  readonly from: EndpointState;
  readonly to: EndpointState;
  readonly cause: Cause;
  /** For people. */
  readonly reason: string;
  /** On the monotonic clock. */
  readonly atMs: number;
}

/** What the machine reads of the settings each time it needs them: they change while it lives. */
export interface StateSettings {
  readonly slowStartMs: number;
  readonly warningWeight: number;
  readonly ejection: { readonly baseMs: number; readonly maxMs: number };
}

export interface StateParts {
  readonly settings: () => StateSettings;
  /** In [0, 1). */
  readonly random: () => number;
  readonly onTransition: (transition: Omit<Transition, "endpoint">) => void;
}

const LEAST_SHARE = 0.1;
/** Whose connection is replaced within this need not warm up again. */
const BRIEF_MS = 1_000;
const NEVER_MS = Number.POSITIVE_INFINITY;

/**
 * The one judgement on an endpoint: of its connection, of what discovery says, of its ejections and of
 * slow start. Each is noted as it is heard; the state follows from all of them by one order of precedence
 * (`#judged`), so that no order of events leads to a state that the facts do not support. It sets no timer:
 * `tick` does what has become due.
 */
export class EndpointStateMachine {
  state: EndpointState = "connecting";
  /** Why it is in this state, for people. */
  reason = "found by discovery";
  sinceMs: number;
  readonly #parts: StateParts;
  #connected = false;
  #lostAtMs = Number.NEGATIVE_INFINITY;
  #warns = false;
  #left = false;
  #warmFromMs = 0;
  #warmUntilMs = 0;
  #ejectedUntilMs = 0;
  /** Since it was last healthy: each one lasts longer. */
  #ejections = 0;
  /** Back from an ejection, and nothing has gone well since. */
  #onProbation = false;

  constructor(parts: StateParts, nowMs: number) {
    this.#parts = parts;
    this.sinceMs = nowMs;
  }

  /** Whether attempts may go to it; while on probation, one at a time. */
  get admits(): boolean {
    return this.state === "healthy" || this.state === "warming" || this.state === "degraded";
  }

  /** Whether the next attempt decides if it stays. */
  get onProbation(): boolean {
    return this.#onProbation && this.admits;
  }

  /** When `tick` has something to do. */
  get dueAtMs(): number {
    if (this.state === "ejected") return this.#ejectedUntilMs;
    return this.state === "warming" ? this.#warmUntilMs : NEVER_MS;
  }

  /** What part of its weight it is to get, in (0, 1]. */
  share(nowMs: number): number {
    const part = this.#warns ? this.#parts.settings().warningWeight : 1;
    if (this.state !== "warming") return part;
    const grown = (nowMs - this.#warmFromMs) / (this.#warmUntilMs - this.#warmFromMs);
    return part * Math.min(1, Math.max(LEAST_SHARE, grown));
  }

  connected(nowMs: number): void {
    if (this.#connected) return;
    this.#connected = true;
    if (nowMs - this.#lostAtMs > BRIEF_MS) this.#warm(nowMs);
    this.#settle("connected", this.#onProbation ? "connected again, on probation" : "connected", nowMs);
  }

  /** Not, or no more, connected. What it was ejected for may have gone with the connection: it is tried. */
  disconnected(reason: string, nowMs: number): void {
    if (this.#connected) this.#lostAtMs = nowMs;
    this.#connected = false;
    if (this.#ejectedUntilMs > nowMs) this.#ejectedUntilMs = nowMs;
    if (this.state === "connecting") this.reason = reason;
    this.#settle("connection_lost", reason, nowMs);
  }

  /** What discovery's checks say. */
  warned(warns: boolean, nowMs: number): void {
    this.#warns = warns;
    if (warns) this.#settle("discovery_warns", "discovery warns of it", nowMs);
    else this.#settle("warning_over", "discovery no longer warns of it", nowMs);
  }

  /** Leaves it out, each time for longer. Only who admits attempts can be ejected. */
  eject(cause: EjectionCause, reason: string, nowMs: number): void {
    if (!this.admits) return;
    const { baseMs, maxMs } = this.#parts.settings().ejection;
    const bound = Math.min(maxMs, baseMs * 2 ** this.#ejections++);
    // Callers that ejected together do not come back together.
    const forMs = bound * (0.8 + 0.4 * this.#parts.random());
    this.#ejectedUntilMs = nowMs + forMs;
    this.#onProbation = true;
    this.#settle(cause, `${reason}; out for ${Math.round(forMs)} ms`, nowMs);
  }

  /** The attempt that decided went well. */
  proven(nowMs: number): void {
    this.#onProbation = false;
    this.#warm(nowMs);
  }

  leave(nowMs: number): void {
    this.#left = true;
    this.#settle("left_discovery", "discovery no longer knows it", nowMs);
  }

  tick(nowMs: number): void {
    if (this.state === "ejected" && nowMs >= this.#ejectedUntilMs) {
      this.#warm(nowMs);
      this.#settle("ejection_over", "its time is over, on probation", nowMs);
    } else if (this.state === "warming" && nowMs >= this.#warmUntilMs && !this.#onProbation) {
      this.#ejections = 0;
      this.#settle("warmed_up", this.#warns ? "warmed up, but discovery warns of it" : "warmed up", nowMs);
    }
  }

  #warm(nowMs: number): void {
    this.#warmFromMs = nowMs;
    this.#warmUntilMs = nowMs + this.#parts.settings().slowStartMs;
  }

  #judged(nowMs: number): EndpointState {
    if (this.#left) return "draining";
    if (!this.#connected) return "connecting";
    if (nowMs < this.#ejectedUntilMs) return "ejected";
    if (this.#onProbation || nowMs < this.#warmUntilMs) return "warming";
    return this.#warns ? "degraded" : "healthy";
  }

  #settle(cause: Cause, reason: string, atMs: number): void {
    const from = this.state;
    const to = this.#judged(atMs);
    if (from === to) return;
    this.state = to;
    this.reason = reason;
    this.sinceMs = atMs;
    this.#parts.onTransition({ from, to, cause, reason, atMs });
  }
}
