import { performance } from "node:perf_hooks";
import type { Clock } from "../clock.ts";
import type { LoopMeter } from "../resilience/concurrency-limit.ts";

/**
 * Watches the event loop of this thread. Where the platform cannot tell one thread from the others
 * (`process.threadCpuUsage` came with Node 23.9), CPU time is that of the whole process.
 */
export function loopMeter(clock: Clock): LoopMeter {
  const cpuUsage = process.threadCpuUsage?.bind(process) ?? process.cpuUsage.bind(process);
  let last = performance.eventLoopUtilization();
  return {
    utilisation() {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, last);
      last = now;
      return utilization;
    },
    cpuMs() {
      const { user, system } = cpuUsage();
      return (user + system) / 1_000;
    },
    nowMs: () => clock.monotonic(),
    afterTurn(end) {
      // Immediates run when what the turn read has been dealt with and what it wrote is on its way.
      setImmediate(() => end(clock.monotonic()));
    },
  };
}
