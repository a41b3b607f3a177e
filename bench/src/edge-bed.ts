import { until } from "@antiphon/mesh/testing";
import { callReview } from "../../gateway/testing/reviews.ts";
import type { BrowserOrder, BrowserResult, Gateways } from "../peers/edge/browsers.ts";
import type { Usage } from "../peers/edge/usage.ts";
import { openConsul } from "./consul.ts";
import { Worker } from "./rounds.ts";

/** Gateways as they are deployed, in processes of their own, before a service that they found through Consul. */
export interface EdgeBed {
  /** What browsers do, in a process of their own. */
  browse(order: BrowserOrder): Promise<BrowserResult>;
  /** Of each gateway. */
  usage(): Promise<readonly Usage[]>;
  /**
   * Ends a gateway as a deploy does, after the balancer before it has taken it out; resolves when its
   * successor is back in.
   */
  restartGateway(index: number): Promise<void>;
  /** The same with an instance of the service, which leaves and enters by Consul. */
  restartService(index: number): Promise<void>;
  close(): Promise<void>;
}

export interface EdgeBedOptions {
  readonly gateways: number;
  readonly instances: number;
  /** A program of `bench/peers/edge`; default `gateway`. */
  readonly gateway?: "gateway" | "connect-node";
  /** Gateways on the first core, all else on the second. Default: where the system puts them. */
  readonly pinned?: boolean;
}

export async function openEdgeBed({
  gateways,
  instances,
  gateway = "gateway",
  pinned = false,
}: EdgeBedOptions): Promise<EdgeBed> {
  const consul = await openConsul();
  const [gatewayCore, restCore] = pinned ? [0, 1] : [];
  const browsers = new Worker("../peers/edge/browsers.ts", [], restCore);
  await browsers.hear();
  let born = 0;
  const startService = async () => {
    const id = `reviews-${process.pid}-${born++}`;
    const worker = new Worker("../peers/edge/reviews.ts", [settings({ ANTIPHON_INSTANCE_ID: id })], restCore);
    await consul.untilPassing(id, "reviews");
    return worker;
  };
  const startGateway = async (port: number) => {
    const worker = new Worker(
      `../peers/edge/${gateway}.ts`,
      [settings({ ANTIPHON_PORT: String(port) })],
      gatewayCore,
    );
    const bound = await worker.hear<number>();
    await until(async () => (await callReview(`http://127.0.0.1:${bound}`, "GetReview")) === 200);
    return { worker, port: bound };
  };
  const settings = (more: Record<string, string>) =>
    JSON.stringify({
      ANTIPHON_CONSUL_URL: consul.url,
      ANTIPHON_MEDIA_KEY: "a media key for benches, long enough to be one",
      ANTIPHON_LOG_LEVEL: "silent",
      ...more,
    });
  const services = await Promise.all(Array.from({ length: instances }, startService));
  const edges = await Promise.all(Array.from({ length: gateways }, () => startGateway(0)));
  const ports = edges.map(({ port }) => port);
  const balance = (to: readonly number[]) => browsers.tell({ ports: to } satisfies Gateways);
  balance(ports);
  return {
    browse: (order) => browsers.ask<BrowserResult>(order),
    usage: () => Promise.all(edges.map(({ worker }) => worker.ask<Usage>("usage"))),
    async restartGateway(index) {
      balance(ports.filter((port) => port !== ports[index]));
      edges[index]!.worker.stop();
      await edges[index]!.worker.ended();
      edges[index] = await startGateway(ports[index]!);
      balance(ports);
    },
    async restartService(index) {
      services[index]!.stop();
      await services[index]!.ended();
      services[index] = await startService();
    },
    async close() {
      for (const worker of [browsers, ...services, ...edges.map((edge) => edge.worker)])
        worker.stop("SIGKILL");
      await consul.close();
    },
  };
}
