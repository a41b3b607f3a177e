import type { DescMethod } from "@bufbuild/protobuf";
import type { Code } from "@connectrpc/connect";
import { Counter, Histogram, type Registry } from "prom-client";
import { codeLabel, HANDLING_BUCKETS, methodLabels } from "./grpc-labels.ts";

export { codeLabel, HANDLING_BUCKETS } from "./grpc-labels.ts";

/** What is counted of one method, its labels bound once and not at each call. */
export interface MethodMetrics {
  started(): void;
  received(): void;
  sent(): void;
  handled(code: Code | 0, seconds: number): void;
}

/** The counters of a server, `grpc_server_*`; source of names: go-grpc-middleware. */
export class ServerMetrics {
  readonly #started;
  readonly #handled;
  readonly #seconds;
  readonly #received;
  readonly #sent;

  constructor(registry: Registry) {
    const labelNames = ["grpc_type", "grpc_service", "grpc_method"] as const;
    const registers = [registry];
    const counter = (name: string, help: string) => new Counter({ name, help, labelNames, registers });
    this.#started = counter("grpc_server_started_total", "Calls started on the server.");
    this.#received = counter("grpc_server_msg_received_total", "Messages received on the server.");
    this.#sent = counter("grpc_server_msg_sent_total", "Messages sent by the server.");
    this.#handled = new Counter({
      name: "grpc_server_handled_total",
      help: "Calls completed on the server, by code.",
      labelNames: [...labelNames, "grpc_code"] as const,
      registers,
    });
    this.#seconds = new Histogram({
      name: "grpc_server_handling_seconds",
      help: "From the first byte of a call to its status, on the server.",
      labelNames,
      buckets: HANDLING_BUCKETS,
      registers,
    });
  }

  of(method: DescMethod): MethodMetrics {
    const labels = methodLabels(method);
    const started = this.#started.labels(labels);
    const received = this.#received.labels(labels);
    const sent = this.#sent.labels(labels);
    const seconds = this.#seconds.labels(labels);
    const handled = new Map<Code | 0, { inc(): void }>();
    return {
      started: () => started.inc(),
      received: () => received.inc(),
      sent: () => sent.inc(),
      handled: (code, elapsedSeconds) => {
        let counter = handled.get(code);
        if (!counter) {
          counter = this.#handled.labels({ ...labels, grpc_code: codeLabel(code) });
          handled.set(code, counter);
        }
        counter.inc();
        seconds.observe(elapsedSeconds);
      },
    };
  }
}
