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
  readonly onState: (endpoint: Endpoint, state: LinkState) => void;
}

/** Keeps one endpoint connected: connects, connects anew after GOAWAY, backs off after failures. */
export class Link {
  readonly #endpoint: Endpoint;
  readonly #parts: LinkParts;
  #connection: Connection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tries = 0;
  #stopped = false;
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
    this.#parts.onState(this.#endpoint, "connecting");
    let readyAtMs: number | undefined;
    const connection = this.#parts.connect(this.#endpoint.info, {
      ready: () => {
        readyAtMs = performance.now();
        if (this.#connection === connection) this.#parts.onState(this.#endpoint, "ready");
      },
      draining: (reason) => {
        if (this.#connection === connection) this.#replace(reason, 0);
      },
      closed: (reason) => {
        if (this.#connection !== connection) return;
        const wasStable = readyAtMs !== undefined && performance.now() - readyAtMs >= STABLE_AFTER_MS;
        if (wasStable) this.#tries = 0;
        this.#replace(reason, backoffMs(this.#tries++, RECONNECT));
      },
    });
    this.#connection = connection;
    connection.open();
  }

  /** No new attempts; those in flight end by themselves. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#connection?.goaway();
    this.#connection = undefined;
  }

  /** At once, with whatever is in flight. */
  close(reason: string): void {
    const connection = this.#connection;
    this.stop();
    connection?.close(reason);
  }

  #replace(reason: string, delayMs: number): void {
    this.#connection = undefined;
    if (this.#stopped) return;
    this.lastFailure = reason;
    this.#parts.log?.debug({ endpoint: this.#endpoint.info.id, reason, delayMs }, "reconnecting");
    if (delayMs === 0) {
      this.start();
      return;
    }
    this.#timer = setTimeout(() => this.start(), delayMs);
    this.#parts.onState(this.#endpoint, "backoff");
  }
}
