import type { DescMethod } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { Counter, Histogram, type Registry } from "prom-client";

/** Seconds; shared by servers and clients so that both sides of an edge can be compared. */
export const HANDLING_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** `OK`, `NotFound`, …: the names of go-grpc-middleware. */
export function codeLabel(code: Code | 0): string {
  return code === 0 ? "OK" : Code[code];
}

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
    const labels = {
      grpc_type: method.methodKind,
      grpc_service: method.parent.typeName,
      grpc_method: method.name,
    };
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
