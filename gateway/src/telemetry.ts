import { codeLabel, LeanCounter, LeanHistogram, type Logger } from "@antiphon/mesh";
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

/** What is known of a request before it is answered. */
export interface Observed {
  /** A path of the contract, or a word for others: never a raw path. */
  readonly route: string;
  readonly protocol: string;
  /** The id of its trace. */
  readonly trace: string;
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

  const counts = cells((labels) => requests.cell(labels));
  const durations = cells((labels) => seconds.cell(labels));

  return {
    observe(response, { route, protocol, trace }) {
      const startedAtMs = monotonic();
      response.on("close", () => {
        const status = response.writableFinished ? response.statusCode : GONE;
        const code = codeLabel(
          status === GONE ? Code.Canceled : (failureOf(response) ?? codeOfStatus(status)),
        );
        const elapsedMs = monotonic() - startedAtMs;
        const series = () => ({ route, code, status: String(status), protocol });
        counts(`${route} ${code} ${status} ${protocol}`, series).value++;
        durations(route, () => ({ route })).observe(elapsedMs / 1000);
        const durationMs = Math.round(elapsedMs * 100) / 100;
        log.info({ route, code, status, protocol, durationMs, trace }, "request");
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

/** The series made so far, by key: a new one on the first use of its key. */
function cells<C>(make: (labels: Readonly<Record<string, string>>) => C) {
  const known = new Map<string, C>();
  return (key: string, labels: () => Readonly<Record<string, string>>): C => {
    const cell = known.get(key) ?? make(labels());
    known.set(key, cell);
    return cell;
  };
}
