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
    name: "gateway-overload",
    what: "critical calls that a gateway still answers at twice its peak, against connect-node",
    load: () => import("./gateway-overload.ts"),
  },
  {
    name: "overload",
    what: "goodput and latency of a server at three times its peak, against a stock grpc-js server",
    load: () => import("./overload.ts"),
  },
  {
    name: "events",
    what: "events written, relayed and consumed, against nats.js alone",
    load: () => import("./events.ts"),
  },
  {
    name: "events-soak",
    what: "memory over 1,000,000 events, the first 200,000 of which waited out an outage of the broker",
    load: () => import("./events-soak.ts"),
  },
  {
    name: "poison",
    what: "what an event that cannot be handled costs the other keys",
    load: () => import("./poison.ts"),
  },
  {
    name: "slow-replica",
    what: "the 99th percentile with one of ten replicas at 200 ms",
    load: () => import("./slow-replica.ts"),
  },
  {
    name: "frozen-replica",
    what: "failed calls when one of four replicas is stopped by SIGSTOP",
    load: async () => (await import("./one-of-four.ts")).frozen,
  },
  {
    name: "killed-replica",
    what: "failed calls when one of four replicas is killed",
    load: async () => (await import("./one-of-four.ts")).killed,
  },
  {
    name: "rolling-restart",
    what: "failed calls while every replica of a service is restarted",
    load: () => import("./rolling-restart.ts"),
  },
  {
    name: "registry-down",
    what: "failed calls while Consul is away, and back without its memory",
    load: () => import("./registry-down.ts"),
  },
  {
    name: "all-failing",
    what: "requests a call while every replica fails",
    load: () => import("./all-failing.ts"),
  },
  {
    name: "black-hole",
    what: "how long a peer is waited for that accepts and never speaks",
    load: () => import("./black-hole.ts"),
  },
  {
    name: "stalled-caller",
    what: "healthy replicas shunned after the caller's own event loop stood still",
    load: () => import("./stalled-caller.ts"),
  },
  {
    name: "pick",
    what: "time of one pick, against grpc-js's round robin",
    load: () => import("./pick.ts"),
  },
  {
    name: "idle",
    what: "CPU and memory of a thousand connected endpoints that nobody calls",
    load: () => import("./idle.ts"),
  },
  {
    name: "gateway",
    what: "the gateway's CPU a request, against connect-node and a hand-written proxy",
    load: () => import("./gateway.ts"),
  },
  {
    name: "gateway-cancel",
    what: "from a browser's leaving to its handler's hearing of it, calls left open, and what a stalled reader holds",
    load: () => import("./gateway-cancel.ts"),
  },
  {
    name: "reload",
    what: "from a new service's registration to its first answer, and calls dropped over 100 reloads",
    load: () => import("./reload.ts"),
  },
  {
    name: "packaging",
    what: "CPU time of packaging a track, against a bare ffmpeg command",
    load: () => import("./packaging.ts"),
  },
  {
    name: "bad-inputs",
    what: "what the gateway and a bare connect-node server answer to bad inputs",
    load: () => import("./bad-inputs.ts"),
  },
  {
    name: "browsers",
    what: "a thousand browsers' connections on one gateway: errors, 99th percentile, memory",
    load: () => import("./browsers.ts"),
  },
  {
    name: "gateway-restart",
    what: "failed calls while gateways and the service behind them are restarted",
    load: () => import("./gateway-restart.ts"),
  },
  {
    name: "freshness",
    what: "from a like, and from a played song, to changed recommendations, through the whole system",
    load: () => import("./freshness.ts"),
  },
  {
    name: "playback",
    what: "from the click to the sound in Chromium, and through a line that breaks down, against hls.js and <audio>",
    load: () => import("./playback.ts"),
  },
  {
    name: "listeners",
    what: "late segments and the latency of calls while 200 listen through one gateway and one player",
    load: () => import("./listeners.ts"),
  },
  {
    name: "queue-sync",
    what: "from a change on one device to its showing on another, and what a takeover skips of the music",
    load: () => import("./queue-sync.ts"),
  },
];
