import {
  type Cell,
  codeLabel,
  type HistogramCell,
  LeanCounter,
  LeanHistogram,
  type Logger,
  traceIdOf,
} from "@antiphon/mesh";
import { Code } from "@connectrpc/connect";
import type { Registry } from "prom-client";
import { failureOf } from "./failures.ts";
import type { NodeRequest, NodeResponse } from "./front.ts";

/** Counts and logs what passes the edge: one line a request, without secrets. */
export interface EdgeTelemetry {
  /** Follows a request until its answer is closed. */
  observe(response: NodeResponse, observed: Observed): void;
  /** For what should never happen: logs it, and answers 500 if there is still time to. */
  failed(request: NodeRequest, response: NodeResponse, error: unknown): void;
}

const PROTOCOLS = ["http", "connect", "grpc", "grpc-web"] as const;
export type EdgeProtocol = (typeof PROTOCOLS)[number];

/** What is known of a request before it is answered. */
export interface Observed {
  /** A path of the contract, or a word for others: never a raw path. */
  readonly route: string;
  readonly protocol: EdgeProtocol;
  /** Of its trace, which the edge began. */
  readonly traceparent: string;
}

interface Deps {
  readonly metrics: Registry;
  readonly log: Logger;
  readonly monotonic: () => number;
}

export function edgeTelemetry({ metrics, log, monotonic }: Deps): EdgeTelemetry {
  const requests = new LeanCounter({
    name: "gateway_requests_total",
    help: "Requests by route, code, HTTP status and protocol.",
    labelNames: ["route", "code", "status", "protocol"],
    registry: metrics,
  });
  const seconds = new LeanHistogram({
    name: "gateway_request_seconds",
    help: "From a request's headers to the end of its answer.",
    labelNames: ["route"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registry: metrics,
  });

  const series = new Map<string, RouteSeries>();
  const seriesOf = (route: string): RouteSeries => {
    const known = series.get(route);
    if (known) return known;
    const made = new RouteSeries(route, requests, seconds.cell({ route }));
    series.set(route, made);
    return made;
  };

  return {
    observe(response, { route, protocol, traceparent }) {
      const startedAtMs = monotonic();
      response.on("close", () => {
        const status = response.writableFinished ? response.statusCode : GONE;
        const code = status === GONE ? Code.Canceled : (failureOf(response) ?? codeOfStatus(status));
        const elapsedMs = monotonic() - startedAtMs;
        const counted = seriesOf(route);
        counted.count(code, status, protocol);
        counted.duration.observe(elapsedMs / 1000);
        const durationMs = Math.round(elapsedMs * 100) / 100;
        const trace = traceIdOf(traceparent);
        log.info({ route, code: codeLabel(code), status, protocol, durationMs, trace }, "request");
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

/** Stands for the status of an answer whose caller went away before it was complete. */
const GONE = 499;

/** The code of an answer that no call failed with: the edge refused it by its status. */
function codeOfStatus(status: number): Code | 0 {
  if (status < 400) return 0;
  return REFUSALS[status] ?? (status < 500 ? Code.InvalidArgument : Code.Internal);
}

const REFUSALS: Readonly<Record<number, Code>> = {
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.NotFound,
  405: Code.Unimplemented,
  415: Code.Unimplemented,
  429: Code.ResourceExhausted,
  501: Code.Unimplemented,
  503: Code.Unavailable,
  504: Code.DeadlineExceeded,
};

/** The series of one route, found without making a string of what they are found by. */
class RouteSeries {
  readonly duration: HistogramCell;
  readonly #route: string;
  readonly #requests: LeanCounter;
  readonly #cells = new Map<number, Cell>();

  constructor(route: string, requests: LeanCounter, duration: HistogramCell) {
    this.#route = route;
    this.#requests = requests;
    this.duration = duration;
  }

  count(code: Code | 0, status: number, protocol: EdgeProtocol): void {
    const key = (status * 32 + code) * PROTOCOLS.length + PROTOCOLS.indexOf(protocol);
    const cell = this.#cells.get(key) ?? this.#newCell(key, code, status, protocol);
    cell.value++;
  }
  #newCell(key: number, code: Code | 0, status: number, protocol: EdgeProtocol): Cell {
    const labels = { route: this.#route, code: codeLabel(code), status: String(status), protocol };
    const cell = this.#requests.cell(labels);
    this.#cells.set(key, cell);
    return cell;
  }
}
