import type { DescMethod } from "@bufbuild/protobuf";
import type { Code } from "@connectrpc/connect";
import type { Registry } from "prom-client";
import { codeLabel, HANDLING_BUCKETS, methodLabels } from "./grpc-labels.ts";
import { type Cell, LeanCounter, LeanHistogram } from "./lean-metrics.ts";

/** What is counted of one method. */
export interface MethodMetrics {
  readonly started: Cell;
  readonly received: Cell;
  readonly sent: Cell;
  handled(code: Code | 0, seconds: number): void;
}

const LABELS = ["grpc_type", "grpc_service", "grpc_method"];

/** The counters of a server, `grpc_server_*`, with the names and labels of go-grpc-middleware. */
export class ServerMetrics {
  readonly #started;
  readonly #received;
  readonly #sent;
  readonly #handled;
  readonly #seconds;

  constructor(registry: Registry) {
    const counter = (name: string, help: string, labelNames = LABELS) =>
      new LeanCounter({ name, help, labelNames, registry });
    this.#started = counter("grpc_server_started_total", "Calls started on the server.");
    this.#received = counter("grpc_server_msg_received_total", "Messages received by the server.");
    this.#sent = counter("grpc_server_msg_sent_total", "Messages sent by the server.");
    this.#handled = counter("grpc_server_handled_total", "Calls completed on the server, by code.", [
      ...LABELS,
      "grpc_code",
    ]);
    this.#seconds = new LeanHistogram({
      name: "grpc_server_handling_seconds",
      help: "From the start of a call to its status, on the server.",
      labelNames: LABELS,
      buckets: HANDLING_BUCKETS,
      registry,
    });
  }

  of(method: DescMethod): MethodMetrics {
    const labels = methodLabels(method);
    const seconds = this.#seconds.cell(labels);
    const byCode: Cell[] = [];
    return {
      started: this.#started.cell(labels),
      received: this.#received.cell(labels),
      sent: this.#sent.cell(labels),
      handled: (code, elapsedSeconds) => {
        byCode[code] ??= this.#handled.cell({ ...labels, grpc_code: codeLabel(code) });
        byCode[code].value++;
        seconds.observe(elapsedSeconds);
      },
    };
  }
}
