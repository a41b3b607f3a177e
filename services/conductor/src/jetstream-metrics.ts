import type { ServiceDeps } from "@antiphon/mesh";
import { EVENTS, openJetStream } from "@antiphon/mesh/events";
import type { JetStreamManager } from "@nats-io/jetstream";
import { Gauge } from "prom-client";

/** Prometheus must not wait for a broker that is away. */
const TIMEOUT_MS = 1_000;

type Deps = Pick<ServiceDeps, "log" | "metrics" | "nats">;
type ConsumerInfo = Awaited<ReturnType<typeof consumersOf>>[number];

const gauges: readonly { name: string; help: string; of: (info: ConsumerInfo) => number }[] = [
  {
    name: "jetstream_consumer_num_pending",
    help: "Events that a consumer group has not been sent yet.",
    of: (info) => info.num_pending,
  },
  {
    name: "jetstream_consumer_num_ack_pending",
    help: "Events that a consumer group was sent and has not acknowledged.",
    of: (info) => info.num_ack_pending,
  },
  {
    name: "jetstream_consumer_num_redelivered",
    help: "Events that a consumer group was sent more than once and has not acknowledged.",
    of: (info) => info.num_redelivered,
  },
];

/**
 * How far each consumer group has come, as the broker counts it: a group that stands still cannot
 * tell so itself. While the broker is away the series are absent.
 */
export function jetstreamMetrics(deps: Deps): void {
  let manager: Promise<JetStreamManager> | undefined;
  let asked: Promise<readonly ConsumerInfo[]> | undefined;
  const open = (): Promise<JetStreamManager> => {
    manager ??= deps.nats().then(openJetStream);
    return manager;
  };
  /** One question a scrape, for all gauges. */
  const consumers = (): Promise<readonly ConsumerInfo[]> => {
    asked ??= withinTime(open().then(consumersOf))
      .catch((error: Error) => {
        manager = undefined;
        deps.log.debug({ err: error }, "the broker did not tell of its consumers");
        return [];
      })
      .finally(() => {
        asked = undefined;
      });
    return asked;
  };
  for (const { name, help, of } of gauges) {
    new Gauge({
      name,
      help,
      labelNames: ["stream", "consumer"],
      registers: [deps.metrics],
      async collect() {
        const infos = await consumers();
        this.reset();
        for (const info of infos) this.set({ stream: info.stream_name, consumer: info.name }, of(info));
      },
    });
  }
}

/** Groups only: what follows the stream for one process has a name that is new each time. */
async function consumersOf(manager: JetStreamManager) {
  const infos = [];
  for await (const info of manager.consumers.list(EVENTS)) if (info.config.durable_name) infos.push(info);
  return infos;
}

function withinTime<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
