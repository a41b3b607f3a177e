import type { Logger } from "pino";
import type { Endpoint, LinkState } from "../balance/endpoint.ts";
import { backoffMs } from "../resilience/backoff.ts";
import type { Connect, Connection } from "../transport/connection.ts";

const RECONNECT = { baseMs: 50, maxMs: 5_000 };
/** A connection that held for so long makes the next reconnect start over with short delays. */
const STABLE_AFTER_MS = 5_000;

export interface LinkParts {
  readonly connect: Connect;
  readonly log: Logger | undefined;
  readonly onState: (endpoint: Endpoint, state: LinkState, reason?: string) => void;
}

/** Keeps one endpoint connected: connects, connects anew after GOAWAY, backs off after failures. */
export class Link {
  readonly #endpoint: Endpoint;
  readonly #parts: LinkParts;
  #connection: Connection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tries = 0;
  /** Why the last connection, or try to connect, failed. */
  lastFailure: string | undefined;

  constructor(endpoint: Endpoint, parts: LinkParts) {
    this.#endpoint = endpoint;
    this.#parts = parts;
  }

  /** Only while the endpoint's link is `ready`. */
  get connection(): Connection {
    return this.#connection!;
  }

  start(): void {
    this.#parts.onState(this.#endpoint, "connecting", this.lastFailure);
    let readyAtMs = Number.POSITIVE_INFINITY;
    const isCurrent = () => this.#connection === connection;
    const connection = this.#parts.connect(this.#endpoint.info, {
      ready: () => {
        readyAtMs = performance.now();
        if (isCurrent()) this.#parts.onState(this.#endpoint, "ready");
      },
      // It is there and asks for another connection: calls may wait for that.
      draining: (reason) => isCurrent() && this.#replace(reason, "connecting", readyAtMs),
      closed: (reason) => isCurrent() && this.#replace(reason, "backoff", readyAtMs),
    });
    this.#connection = connection;
    connection.open();
  }

  /** No new attempts; those in flight end by themselves. */
  stop(): void {
    clearTimeout(this.#timer);
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.goaway();
  }

  /** At once, with whatever is in flight. */
  close(reason: string): void {
    const connection = this.#connection;
    this.stop();
    connection?.close(reason);
  }

  #replace(reason: string, state: LinkState, readyAtMs: number): void {
    this.#connection = undefined;
    this.lastFailure = reason;
    if (performance.now() - readyAtMs >= STABLE_AFTER_MS) this.#tries = 0;
    const delayMs = backoffMs(this.#tries++, RECONNECT);
    this.#parts.log?.debug({ endpoint: this.#endpoint.info.id, reason, delayMs }, "reconnecting");
    this.#timer = setTimeout(() => this.start(), delayMs);
    this.#parts.onState(this.#endpoint, state, reason);
  }
}
