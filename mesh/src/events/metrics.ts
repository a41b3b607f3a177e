import { Counter, Gauge, type Registry } from "prom-client";
import { type HistogramCell, LeanHistogram } from "../telemetry/lean-metrics.ts";

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** How long the events of one consumer, or one read model, take. */
export interface ConsumerTimes {
  /** An event's time in hand is over. */
  processed(result: string, tookMs: number): void;
  /** Its effect is there. */
  applied(writtenAt: Date): void;
}

function consumerTimes(registry: Registry): (consumer: string) => ConsumerTimes {
  const process = new LeanHistogram({
    name: "event_process_seconds",
    help: "From taking an event in hand to its outcome",
    labelNames: ["consumer", "result"],
    buckets: SECONDS,
    registry,
  });
  const endToEnd = new LeanHistogram({
    name: "event_e2e_seconds",
    help: "From the writer's insert to the effect's commit",
    labelNames: ["consumer"],
    buckets: [...SECONDS, 30, 60, 300],
    registry,
  });
  const known = new Map<string, ConsumerTimes>();
  const make = (consumer: string): ConsumerTimes => {
    const all = endToEnd.cell({ consumer });
    const byResult = new Map<string, HistogramCell>();
    return {
      processed(result, tookMs) {
        const cell = byResult.get(result) ?? process.cell({ consumer, result });
        byResult.set(result, cell);
        cell.observe(tookMs / 1_000);
      },
      applied: (writtenAt) => all.observe(Math.max(0, Date.now() - writtenAt.getTime()) / 1_000),
    };
  };
  return (consumer) => {
    const times = known.get(consumer) ?? make(consumer);
    known.set(consumer, times);
    return times;
  };
}

function register(registry: Registry) {
  const registers = [registry];
  return {
    outboxPending: new Gauge({
      name: "outbox_pending",
      help: "Events committed and not yet published; every replica reports the same, take the maximum",
      registers,
    }),
    outboxOldest: new Gauge({
      name: "outbox_oldest_seconds",
      help: "Age of the oldest event that is not yet published; 0 when there is none",
      registers,
    }),
    outboxPublished: new Counter({
      name: "outbox_published_total",
      help: "Events that the broker acknowledged",
      registers,
    }),
    timesOf: consumerTimes(registry),
    duplicates: new Counter({
      name: "inbox_duplicates_total",
      help: "Events delivered again and dropped",
      labelNames: ["consumer"],
      registers,
    }),
    gaps: new Counter({
      name: "event_gap_total",
      help: "Events that came before an earlier one of their key, or without it",
      labelNames: ["consumer"],
      registers,
    }),
    deadLetters: new Gauge({
      name: "dlq_messages",
      help: "Dead letters of a consumer that the broker holds",
      labelNames: ["consumer"],
      registers,
    }),
    parkedKeys: new Gauge({
      name: "inbox_parked_keys",
      help: "Keys that wait for their release after an event that could not be handled",
      labelNames: ["consumer"],
      registers,
    }),
    reloads: new Counter({
      name: "follower_loads_total",
      help: "How often a read model was loaded from its owners",
      labelNames: ["consumer"],
      registers,
    }),
  };
}

export type EventMetrics = ReturnType<typeof register>;

const registered = new WeakMap<Registry, EventMetrics>();

/** The metrics of events in a process's registry; made once, however many consumers share it. */
export function eventMetrics(registry: Registry): EventMetrics {
  const metrics = registered.get(registry) ?? register(registry);
  registered.set(registry, metrics);
  return metrics;
}
