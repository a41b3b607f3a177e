import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { Code } from "@connectrpc/connect";
import type {
  Attempt,
  AttemptObserver,
  AttemptRequest,
  Connection,
  ConnectionObserver,
} from "./connection.ts";
import { Http2Attempt, type StreamFate } from "./http2-attempt.ts";
import { grpcTimeout } from "./timeout.ts";

export interface Http2Options {
  /** The peer must have sent its SETTINGS by then. Default 4,000. */
  readonly handshakeTimeoutMs?: number;
  /** A peer that was silent for about so long, or a fifth less, is pinged. Default 20,000. */
  readonly keepaliveMs?: number;
  /** A ping must be answered by then. Default 5,000. */
  readonly keepaliveTimeoutMs?: number;
  /** What one stream may send before somebody reads it. Default 1 MiB. */
  readonly streamWindowBytes?: number;
  /** What all streams together may. Default 16 MiB. */
  readonly connectionWindowBytes?: number;
}

/** Connections whose time comes within so small a part of the keepalive are pinged together. */
const TICKS = 40;

/** A `Connection` on `node:http2`, in plain text. */
export class Http2Connection implements Connection, StreamFate {
  readonly #authority: string;
  readonly #observer: ConnectionObserver;
  readonly #options: Required<Http2Options>;
  #session: ClientHttp2Session | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #keepalive: NodeJS.Timeout | undefined;
  #heard = true;
  #ready = false;
  #lost: string | undefined;
  #draining = false;
  #lastStreamId: number | undefined;

  constructor(
    endpoint: { host: string; port: number },
    observer: ConnectionObserver,
    options: Http2Options = {},
  ) {
    const host = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
    this.#authority = `${host}:${endpoint.port}`;
    this.#observer = observer;
    this.#options = {
      handshakeTimeoutMs: options.handshakeTimeoutMs ?? 4_000,
      keepaliveMs: options.keepaliveMs ?? 20_000,
      keepaliveTimeoutMs: options.keepaliveTimeoutMs ?? 5_000,
      streamWindowBytes: options.streamWindowBytes ?? 1024 * 1024,
      connectionWindowBytes: options.connectionWindowBytes ?? 16 * 1024 * 1024,
    };
  }

  open(): void {
    const session = connect(`http://${this.#authority}`, {
      settings: { enablePush: false, initialWindowSize: this.#options.streamWindowBytes },
      // Messages and windows have limits of their own. Node's 10 MB would fail one large request, and with
      // it every call beside it.
      maxSessionMemory: Number.MAX_SAFE_INTEGER,
    });
    this.#session = session;
    const { handshakeTimeoutMs } = this.#options;
    this.#watchdog = setTimeout(
      () => this.close(`${this.#authority} did not speak HTTP/2 within ${handshakeTimeoutMs} ms`),
      handshakeTimeoutMs,
    );
    session.once("connect", () => {
      // Also told of a session that was destroyed meanwhile.
      if (!session.destroyed) session.setLocalWindowSize(this.#options.connectionWindowBytes);
    });
    session.once("remoteSettings", () => {
      if (this.#lost !== undefined) return;
      clearTimeout(this.#watchdog);
      this.#ready = true;
      this.#scheduleKeepalive();
      this.#observer.ready();
    });
    session.on("goaway", (code, lastStreamId) => this.#onGoaway(code, lastStreamId));
    session.on("error", (error) => this.#lose(`connection to ${this.#authority} failed: ${error.message}`));
    session.once("close", () => this.#lose(`connection to ${this.#authority} was closed`));
  }

  attempt(request: AttemptRequest, observer: AttemptObserver): Attempt {
    const { path, timeoutMs, headers } = request;
    // Names and values in turn: node:http2 copies an object of headers twice before it sends it.
    const fields = [":method", "POST", ":scheme", "http", ":authority", this.#authority, ":path", path];
    fields.push("content-type", "application/grpc+proto", "te", "trailers");
    fields.push("grpc-accept-encoding", "gzip");
    if (timeoutMs !== undefined) fields.push("grpc-timeout", grpcTimeout(timeoutMs));
    for (const name in headers) fields.push(name, headers[name]!);
    let stream: ClientHttp2Stream;
    try {
      stream = this.#session!.request(fields);
    } catch (error) {
      // A session that is gone does not throw: its streams end, and tell that they were never sent.
      return unsendable(observer, (error as Error).message);
    }
    return new Http2Attempt(stream, request, observer, this);
  }

  ping(): Promise<number> {
    return new Promise((resolve, reject) => {
      const session = this.#session;
      if (!session || session.destroyed) {
        reject(new Error(`no connection to ${this.#authority}`));
        return;
      }
      const timer = setTimeout(
        () => reject(new Error(`${this.#authority} did not answer a ping`)),
        this.#options.keepaliveTimeoutMs,
      );
      session.ping((error, durationMs) => {
        clearTimeout(timer);
        if (error) reject(error);
        else resolve(durationMs);
      });
    });
  }

  goaway(): void {
    this.#draining = true;
    if (!this.#ready) this.close("it is not needed any more");
    else if (!this.#session!.closed) this.#session!.close();
  }

  close(reason: string): void {
    const session = this.#session;
    this.#lose(reason);
    if (session && !session.destroyed) session.destroy();
  }

  lostBecause(): string | undefined {
    if (this.#lost !== undefined) return this.#lost;
    const session = this.#session;
    // Streams hear of a dead socket before the session tells.
    return !session || session.destroyed || session.socket.destroyed
      ? `connection to ${this.#authority} was lost`
      : undefined;
  }

  wasRefused(streamId: number | undefined): boolean {
    return this.#lastStreamId !== undefined && streamId !== undefined && streamId > this.#lastStreamId;
  }

  heard(): void {
    this.#heard = true;
  }

  #onGoaway(code: number, lastStreamId: number): void {
    this.#lastStreamId = Math.min(this.#lastStreamId ?? lastStreamId, lastStreamId);
    if (this.#draining) return;
    this.#draining = true;
    this.#observer.draining(`${this.#authority} sent GOAWAY (HTTP/2 error ${code})`);
  }

  #lose(reason: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = reason;
    clearTimeout(this.#watchdog);
    clearTimeout(this.#keepalive);
    this.#observer.closed(reason);
  }

  #scheduleKeepalive(): void {
    const { keepaliveMs } = this.#options;
    // A thousand connections that were opened together must not ping together, nor each wake the process by itself.
    const tickMs = keepaliveMs / TICKS;
    const nowMs = performance.now();
    const dueAtMs = Math.ceil((nowMs + keepaliveMs * (0.8 + 0.2 * Math.random())) / tickMs) * tickMs;
    this.#keepalive = setTimeout(() => void this.#checkAlive(), dueAtMs - nowMs).unref();
  }

  async #checkAlive(): Promise<void> {
    if (!this.#heard) {
      try {
        await this.ping();
      } catch (error) {
        this.close(`connection to ${this.#authority} failed: ${(error as Error).message}`);
      }
    }
    this.#heard = false;
    if (this.#lost === undefined) this.#scheduleKeepalive();
  }
}

/**
 * An attempt whose header cannot be sent: its caller's mistake, the same on every endpoint. It ends after
 * its caller has got hold of it.
 */
function unsendable(observer: AttemptObserver, text: string): Attempt {
  let cancelled = false;
  queueMicrotask(() => {
    if (cancelled) return;
    observer.end({
      code: Code.Internal,
      text,
      details: [],
      header: {},
      trailer: {},
      message: undefined,
      reached: false,
      blame: false,
    });
  });
  return {
    write: () => true,
    drained: () => Promise.resolve(),
    finish() {},
    pause() {},
    resume() {},
    cancel() {
      cancelled = true;
    },
  };
}
