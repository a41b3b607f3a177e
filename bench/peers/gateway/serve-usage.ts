import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What a server holds after a collection. */
export interface Held {
  /** Objects and buffers. */
  readonly heapBytes: number;
  readonly rssBytes: number;
}

/**
 * In a server process: tells where it listens, and whenever asked for `usage` its CPU time so far in
 * microseconds, for `memory` what it holds.
 */
export function serveUsage(listening: unknown): void {
  process.on("message", async (what: "usage" | "memory") => {
    const { user, system } = process.cpuUsage();
    process.send?.(what === "usage" ? user + system : await held());
  });
  process.send?.(listening);
}

/** Memory of buffers is given back after the collection that found them. */
async function held(): Promise<Held> {
  collect();
  await setImmediate();
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heapBytes: heapUsed + external, rssBytes: rss };
}
