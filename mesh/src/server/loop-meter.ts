import { performance } from "node:perf_hooks";
import type { LoopUsage } from "../resilience/concurrency-limit.ts";

/**
 * How busy this thread's event loop was since the call before. Where the platform cannot tell one thread
 * from the others (`process.threadCpuUsage` came with Node 23.9), CPU time is that of the whole process.
 */
export function loopUsage(): () => LoopUsage {
  const cpuUsage = process.threadCpuUsage?.bind(process) ?? process.cpuUsage.bind(process);
  let loop = performance.eventLoopUtilization();
  let cpu = cpuUsage();
  return () => {
    const loopNow = performance.eventLoopUtilization();
    const cpuNow = cpuUsage();
    const usage = {
      utilisation: performance.eventLoopUtilization(loopNow, loop).utilization,
      cpuMs: (cpuNow.user + cpuNow.system - cpu.user - cpu.system) / 1_000,
    };
    loop = loopNow;
    cpu = cpuNow;
    return usage;
  };
}
