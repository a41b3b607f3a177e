import type { LoadOrder, LoadResult } from "./load.ts";
import { Worker } from "./rounds.ts";

/** One server of a replica process. */
export interface ReplicaSpec {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** How long it takes to answer. Default 0. */
  readonly delayMs?: number;
  /** The gRPC code of all its answers. Default 0, OK. */
  readonly failCode?: number;
}

/** A process with stock grpc-js servers, so that both clients meet the same. */
export class Replica {
  readonly worker: Worker;
  readonly ports: readonly number[];

  private constructor(worker: Worker, ports: readonly number[]) {
    this.worker = worker;
    this.ports = ports;
  }

  static async start(...specs: readonly ReplicaSpec[]): Promise<Replica> {
    const worker = new Worker("../peers/replica.ts", [JSON.stringify(specs)]);
    return new Replica(worker, await worker.hear<number[]>());
  }

  /** How many calls each of its servers was sent so far. */
  calls(): Promise<number[]> {
    return this.worker.ask<number[]>("calls");
  }

  get addresses(): readonly string[] {
    return this.ports.map((port) => `127.0.0.1:${port}`);
  }
}

export type ClientName = "mesh" | "grpc-js";
export const CLIENTS: readonly ClientName[] = ["mesh", "grpc-js"];

/** A process with one client under test. */
export class LoadClient {
  readonly worker: Worker;

  private constructor(worker: Worker) {
    this.worker = worker;
  }

  /** `settings` is what its file in `peers/` understands. */
  static async start(file: string, settings: object): Promise<LoadClient> {
    const worker = new Worker(`../peers/${file}.ts`, [JSON.stringify(settings)]);
    await worker.hear();
    return new LoadClient(worker);
  }

  run(order: LoadOrder): Promise<LoadResult> {
    return this.worker.ask<LoadResult>(order);
  }
}

/** A client of each kind, connected to these addresses and warm. */
export async function startClients(
  addresses: readonly string[],
  warmUp: LoadOrder = WARM_UP,
): Promise<Map<ClientName, LoadClient>> {
  const clients = new Map<ClientName, LoadClient>();
  for (const name of CLIENTS) {
    const client = await LoadClient.start(`load-${name}`, { addresses });
    clients.set(name, client);
    await client.run(warmUp);
  }
  return clients;
}

/** Until connections stand and the hot functions are compiled. */
export const WARM_UP: LoadOrder = { ratePerSecond: 400, durationMs: 1_500, deadlineMs: 5_000 };
