import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import { backoffMs } from "../resilience/backoff.ts";
import type { Logger } from "../telemetry/logger.ts";
import { nextIndex } from "./blocking-query.ts";

/** What the follower must know of an answer. */
export interface FollowedAnswer {
  readonly index: number;
  /** About how long its body was. */
  readonly bytes: number;
}

export interface ConsulFollowerOptions<A extends FollowedAnswer> {
  /** Asks for what is newer than `index`. */
  readonly ask: (index: number, signal: AbortSignal) => Promise<A>;
  /** Takes in an answer, which need not be a new one. Must not throw. */
  readonly accept: (answer: A) => void;
  /** What stays while Consul is away, such as "endpoints are kept". */
  readonly kept: string;
  /** Of whom log lines tell. */
  readonly service: string;
  readonly clock: Clock;
  readonly log?: Logger | undefined;
}

/**
 * A burst of changes makes one query each that long, not one each change. The megabytes of a fleet of thousands
 * take some milliseconds each to read, so they are asked for less often.
 */
const minGapMs = 100;
const gapMsPerMegabyte = 100;
const retry = { baseMs: 250, maxMs: 5_000 };

/** Follows one resource of Consul by blocking queries, for ever, also while Consul is away. */
export class ConsulFollower<A extends FollowedAnswer> {
  readonly #options: ConsulFollowerOptions<A>;
  readonly #stop = new AbortController();
  #answeredAtMs: number;

  constructor(options: ConsulFollowerOptions<A>) {
    this.#options = options;
    this.#answeredAtMs = options.clock.monotonic();
    void this.#follow();
  }

  /** Milliseconds since Consul's last good answer, or since the start. At most the wait of a query and a bit when all is well. */
  get ageMs(): number {
    return this.#options.clock.monotonic() - this.#answeredAtMs;
  }

  close(): void {
    this.#stop.abort();
  }

  async #follow(): Promise<void> {
    const { ask, accept, kept, clock } = this.#options;
    const { signal } = this.#stop;
    let index = 0;
    let failures = 0;
    while (!signal.aborted) {
      const answer = await ask(index, signal).catch((error: Error) => error);
      if (signal.aborted) return;
      if (answer instanceof Error) {
        // Whoever answers next may be a Consul that has started over: an index of its predecessor would block.
        index = 0;
        if (failures === 0) this.#log("warn", `Consul is away, ${kept}: ${describe(answer)}`);
        await this.#pause(backoffMs(failures++, retry));
        continue;
      }
      if (failures > 0) this.#log("info", "Consul is back");
      failures = 0;
      index = nextIndex(index, answer.index);
      this.#answeredAtMs = clock.monotonic();
      accept(answer);
      const gapMs = minGapMs + (answer.bytes / 1e6) * gapMsPerMegabyte;
      await this.#pause(gapMs * (0.5 + Math.random()));
    }
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal, ref: false }).catch(() => {});
  }

  #log(level: "info" | "warn", message: string): void {
    this.#options.log?.[level]({ target: this.#options.service }, message);
  }
}

function describe(error: Error): string {
  return error.cause instanceof Error ? error.cause.message || String(error.cause) : error.message;
}
