import { type AddressInfo, createServer, type Socket } from "node:net";
import { MeshErrorDetailSchema, MeshErrorReason } from "@antiphon/proto/antiphon/mesh/v1/errors";
import { Code } from "@connectrpc/connect";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { Registry } from "prom-client";
import { settlesWithin } from "../bounded.ts";
import type { Clock } from "../clock.ts";
import { fail } from "../errors.ts";
import { type IdentityVerifier, identityVerifier } from "../identity/listener-proof.ts";
import { codeLabel } from "../telemetry/grpc-labels.ts";
import type { Logger } from "../telemetry/logger.ts";
import { ServerMetrics } from "../telemetry/server-metrics.ts";
import { traceIdOf } from "../telemetry/traceparent.ts";
import { hostMethod } from "./host-method.ts";
import { HostedMethod } from "./hosted-method.ts";
import type { LoadGuardOptions, LoadSnapshot } from "./load-guard.ts";
import { OverloadGuard } from "./overload-guard.ts";
import type { Served } from "./served.ts";
import { type OnSettled, ServerCall } from "./server-call.ts";

export interface GrpcHostOptions {
  readonly log: Logger;
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly overload?: LoadGuardOptions | undefined;
  /** Tells whether a caller may name its listener. Default: none may. */
  readonly identity?: IdentityVerifier | undefined;
}

/** Larger requests are refused with `resource_exhausted`. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;

/** How long calls that were told that the server is going may take to hear it. */
const FAREWELL_MS = 200;

/**
 * Hosts services on a grpc-js server. The sockets are accepted here and handed to it: with channelz off,
 * its own `forceShutdown` forgets its connections and closes none.
 */
export class GrpcHost {
  readonly #server = new Server({
    // Channelz keeps an entry a call for a page that nobody opens: 11 % of a call's cost.
    "grpc.enable_channelz": 0,
    "grpc.max_receive_message_length": MAX_REQUEST_BYTES,
  });
  readonly #injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
  readonly #listener = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  readonly #sockets = new Set<Socket>();
  readonly #open = new Set<ServerCall>();
  readonly #metrics: ServerMetrics;
  readonly #guard: OverloadGuard;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #identity: IdentityVerifier;

  constructor({ log, metrics, clock, overload, identity }: GrpcHostOptions) {
    this.#log = log;
    this.#clock = clock;
    this.#identity = identity ?? identityVerifier([], clock.now);
    this.#metrics = new ServerMetrics(metrics);
    this.#guard = new OverloadGuard({ log, metrics, clock }, overload);
  }

  /** How busy it is, and what it has refused. */
  load(): LoadSnapshot {
    return this.#guard.snapshot();
  }

  /** Adds a service; before `listen`. */
  add({ service, methods }: Served): void {
    // Probes and tools would drown what people do.
    const level = service.typeName.startsWith("grpc.") ? "debug" : "info";
    for (const spec of Object.values(methods)) {
      const metrics = this.#metrics.of(spec.method);
      const guard = this.#guard.of(spec.method);
      const method = `${service.typeName}/${spec.method.name}`;
      const onSettled: OnSettled = (call, code, error) => {
        this.#open.delete(call);
        const ms = this.#clock.monotonic() - call.startedAtMs;
        metrics.handled(code, ms / 1000);
        guard.settled(call, code, ms);
        // Told by the guard, for all of them together.
        if (call.refused) return;
        const line = {
          method,
          code: codeLabel(code),
          ms,
          peer: call.peer,
          trace: traceIdOf(call.traceparent),
        };
        // The cause is what the handler did not write for callers: ours to see.
        const err = error?.cause ?? error;
        if (code === Code.Internal) this.#log.error({ ...line, err }, "call");
        else if (code === Code.Unavailable) this.#log.warn({ ...line, err }, "call");
        else this.#log[level](line, "call");
      };
      hostMethod(
        this.#server,
        spec,
        new HostedMethod(spec.method, metrics, guard, this.#identity),
        (surface, reply) => {
          metrics.started.value++;
          const call = new ServerCall(spec.method, surface, this.#clock, reply, onSettled, () =>
            this.#guard.loadTrailers(),
          );
          this.#open.add(call);
          return call;
        },
      );
    }
  }

  /** Resolves with the port; rejects where it cannot be bound. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#listener.once("error", reject);
      this.#listener.listen(port, host, () => resolve((this.#listener.address() as AddressInfo).port));
    });
  }

  /**
   * Says GOAWAY and waits for the calls in flight, at most `timeoutMs`; those that last longer are told
   * `unavailable`. Resolves with how many they were.
   */
  async drain(timeoutMs: number): Promise<number> {
    // Its own callback comes too early for connections that were handed to it: the listener knows better.
    this.#server.tryShutdown(() => {});
    const finished = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    if (await settlesWithin(finished, timeoutMs)) return 0;
    const cut = this.#open.size;
    for (const call of this.#open) {
      // A reset would reach callers as if they had cancelled by themselves.
      call.fail(
        fail(Code.Unavailable, "the server is shutting down", MeshErrorDetailSchema, {
          reason: MeshErrorReason.DRAINING,
        }),
      );
    }
    await settlesWithin(finished, FAREWELL_MS);
    this.kill();
    return cut;
  }

  /** Drops everything at once, as a crash would. */
  kill(): void {
    this.#listener.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    this.#injector.injectConnection(socket);
  }
}
