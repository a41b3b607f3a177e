import type { Logger } from "@antiphon/mesh";
import { Counter, Histogram, type Registry } from "prom-client";
import type { NodeRequest, NodeResponse } from "./front.ts";

/** Counts and logs what passes the edge: one line a request, without secrets. */
export interface EdgeTelemetry {
  /** Follows a request until its answer is closed. The route is a path of the contract, never a raw one. */
  observe(request: NodeRequest, response: NodeResponse, route: string): void;
  /** For what should never happen: logs it, and answers 500 if there is still time to. */
  failed(request: NodeRequest, response: NodeResponse, error: unknown): void;
}

interface Deps {
  readonly metrics: Registry;
  readonly log: Logger;
  readonly monotonic: () => number;
}

export function edgeTelemetry({ metrics, log, monotonic }: Deps): EdgeTelemetry {
  const requests = new Counter({
    name: "gateway_requests_total",
    help: "Requests by route, HTTP status and protocol.",
    labelNames: ["route", "status", "protocol"],
    registers: [metrics],
  });
  const seconds = new Histogram({
    name: "gateway_request_seconds",
    help: "From a request's headers to the end of its answer.",
    labelNames: ["route"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [metrics],
  });

  /** Children are looked up once: finding one by its labels costs more than counting. */
  const known = new Map<string, { count(): void; took(seconds: number): void }>();
  const metersOf = (route: string, status: number, protocol: string) => {
    const key = `${route} ${status} ${protocol}`;
    let meters = known.get(key);
    if (!meters) {
      const counter = requests.labels({ route, status: String(status), protocol });
      const histogram = seconds.labels({ route });
      meters = { count: () => counter.inc(), took: (value) => histogram.observe(value) };
      known.set(key, meters);
    }
    return meters;
  };

  return {
    observe(request, response, route) {
      const startedAtMs = monotonic();
      const protocol = protocolOf(request);
      response.once("close", () => {
        const status = response.writableFinished ? response.statusCode : 499;
        const durationMs = monotonic() - startedAtMs;
        const meters = metersOf(route, status, protocol);
        meters.count();
        meters.took(durationMs / 1000);
        log.info({ route, status, protocol, durationMs: Math.round(durationMs * 100) / 100 }, "request");
      });
    },
    failed(request, response, error) {
      log.error({ err: error, path: request.url?.split("?")[0] }, "a request could not be answered");
      if (response.headersSent || response.destroyed) response.destroy();
      else {
        response.statusCode = 500;
        response.end();
      }
    },
  };
}

function protocolOf(request: NodeRequest): string {
  const type = request.headers["content-type"] ?? "";
  if (type.startsWith("application/grpc-web")) return "grpc-web";
  if (type.startsWith("application/connect+") || request.headers["connect-protocol-version"])
    return "connect";
  return "http";
}
