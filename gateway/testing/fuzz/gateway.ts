import { defaultLimits } from "../../src/front.ts";
import { startEdge } from "../edge.ts";

/** What the process under attack tells of itself. */
export interface Health {
  readonly connections: number;
  /** After a collection. */
  readonly heapBytes: number;
}

/** The gateway in a process of its own, less patient than in production. */
const limits = { ...defaultLimits, headersTimeoutMs: 500, requestTimeoutMs: 1000, writeTimeoutMs: 1000 };
const edge = await startEdge({ limits });
process.on("message", () => {
  globalThis.gc?.();
  edge.seen.length = 0;
  const health: Health = { connections: edge.front.connections, heapBytes: process.memoryUsage().heapUsed };
  process.send?.(health);
});
process.on("disconnect", () => process.exit());
process.send?.(edge.front.port);
