import type { IncomingMessage, ServerResponse } from "node:http";
import type { DescService } from "@bufbuild/protobuf";
import type { Client, Transport } from "@connectrpc/connect";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Registry } from "prom-client";
import type { BytesTransport } from "./client/index.ts";
import type { Clock } from "./clock.ts";
import type { ContractsWatch, OnContracts } from "./contracts/follow-contracts.ts";
import type { LoadGuard } from "./server/load-guard.ts";
import type { Logger } from "./telemetry/logger.ts";

export type AdminHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** What the mesh hands to a service that is being built. */
export interface ServiceDeps {
  /** Its name in Consul. */
  readonly name: string;
  readonly version: string;
  readonly instanceId: string;
  readonly zone: string;
  /**
   * A typed client, found through discovery, balanced and guarded.
   * @param options.target default `consul:///<name of the service>`; also `static:///host:port,host:port` and `dns:///host:port`
   */
  client<S extends DescService>(service: S, options?: { readonly target?: string }): Client<S>;
  /** The same for callers that work from descriptors. One transport a target, shared. */
  transport(target: string): Transport & BytesTransport;
  /** Follows the contracts of all services that offer reflection; see `followContracts`. */
  contracts(onContracts: OnContracts): ContractsWatch;
  /** Connected on first use; reconnects for ever. Drained after the stop hooks. */
  nats(): Promise<NatsConnection>;
  readonly log: Logger;
  /** What `/metrics` shows. */
  readonly metrics: Registry;
  /** Aborts when draining starts: long streams and loops end. */
  readonly signal: AbortSignal;
  /** A part of `/readyz`: not ready while the check throws or rejects; its message is shown. */
  readiness(name: string, check: () => unknown): void;
  /** Serves a path of its own on the admin port. */
  admin(path: string, handler: AdminHandler): void;
  /** Runs after the drain, the last one registered first; a promise is waited for, 5 s at most. */
  onStop(name: string, stop: () => unknown): void;
  readonly clock: Clock;
}

/** What the mesh hands to an edge. */
export interface EdgeDeps extends ServiceDeps {
  /** The guard of this process: whoever listens asks it before a call begins. */
  readonly guard: LoadGuard;
}
