import type { Line } from "./report.ts";

export interface BenchOptions {
  /** Fewer and shorter rounds: done in 45 s. */
  readonly quick: boolean;
  /** Progress and settings, for people. */
  readonly say: (text: string) => void;
}

export interface Bench {
  readonly name: string;
  readonly what: string;
  readonly load: () => Promise<{ run(options: BenchOptions): Promise<readonly Line[]> }>;
}

/** Every benchmark of the project. */
export const benches: readonly Bench[] = [
  {
    name: "overhead",
    what: "client CPU a call, the whole mesh on, against a stock grpc-js client and bare node:http2",
    load: () => import("./overhead.ts"),
  },
  {
    name: "discovery",
    what: "from an instance's passing check to its first call, against the npm package's watcher",
    load: () => import("./discovery.ts"),
  },
  {
    name: "freshness",
    what: "from a like in the browser to changed recommendations, through the whole system",
    load: () => import("./freshness.ts"),
  },
];
