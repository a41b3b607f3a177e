import { Gauge, type Registry } from "prom-client";
import type { Clock } from "../clock.ts";
import type { ConcurrencyLimit, PriorityName, RefusalReason } from "../resilience/concurrency-limit.ts";
import { type Cell, LeanCounter } from "./lean-metrics.ts";

/** Calls refused so far, by priority and reason. */
export type ShedCells = Readonly<Record<PriorityName, Readonly<Record<RefusalReason, Cell>>>>;

/** Shows how a server protects itself. */
export function overloadMetrics(registry: Registry, limit: ConcurrencyLimit, clock: Clock): ShedCells {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        limit.look(clock.monotonic());
        this.set(read());
      },
    });
  gauge("mesh_concurrency_limit", "Unary calls that may be in flight.", () => Math.floor(limit.limit));
  gauge("mesh_concurrency_in_flight", "Unary calls in flight.", () => limit.inFlight);
  gauge(
    "mesh_queue_depth",
    "Calls that were let in and wait for a turn of the event loop.",
    () => limit.queued,
  );
  gauge("mesh_load_ratio", "What callers are told: 0 idle, 1 at the limit.", () => limit.load);
  const shed = new LeanCounter({
    name: "mesh_shed_total",
    help: "Calls refused before a handler saw them.",
    labelNames: ["priority", "reason"],
    registry,
  });
  const cells = (priority: PriorityName) => ({
    concurrency: shed.cell({ priority, reason: "concurrency" }),
    event_loop: shed.cell({ priority, reason: "event_loop" }),
    deadline: shed.cell({ priority, reason: "deadline" }),
  });
  return { critical: cells("critical"), normal: cells("normal"), sheddable: cells("sheddable") };
}
