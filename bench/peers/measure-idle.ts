import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { IdleOrder, IdleResult } from "../src/idle.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** A client under test. */
export interface IdleClient {
  connect(addresses: readonly string[]): void;
  /** What somebody who watches the process asks for. */
  observe(): unknown;
  call(): Promise<unknown>;
}

const CALLS = 20;
/** Prometheus asks every 15 s by default. */
const OBSERVE_MS = 5_000;

/** In a client process: connects, and measures itself, when it is told to. */
export function serveIdle({ connect, observe, call }: IdleClient): void {
  let before: NodeJS.MemoryUsage;
  process.on("message", async (order: IdleOrder) => {
    if ("addresses" in order) {
      // What a client is made of is there before; what is counted comes with endpoints.
      connect(order.addresses.slice(0, 1));
      await call();
      await observe();
      before = memory();
      connect(order.addresses);
      return;
    }
    const cpu = process.cpuUsage();
    const startedAtMs = performance.now();
    const timer = setInterval(observe, OBSERVE_MS);
    await new Promise((resolve) => setTimeout(resolve, order.watchMs));
    clearInterval(timer);
    const { user, system } = process.cpuUsage(cpu);
    const watchedMs = performance.now() - startedAtMs;
    const after = memory();
    const answers = await Promise.allSettled(Array.from({ length: CALLS }, call));
    process.send?.({
      cpuMs: (user + system) / 1_000,
      watchedMs,
      rssBytes: after.rss - before.rss,
      heapBytes: after.heapUsed - before.heapUsed,
      answered: answers.filter(({ status }) => status === "fulfilled").length,
    } satisfies IdleResult);
  });
  process.on("disconnect", () => process.exit());
  process.send?.("ready");
}

function memory(): NodeJS.MemoryUsage {
  collect();
  return process.memoryUsage();
}
