import http from "node:http";
import { BatchGetTracksRequestSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import {
  answers,
  batch,
  exported,
  list,
  pathOf,
  SEGMENT_BYTES,
  SEGMENT_PATH,
  STREAM_MESSAGES,
} from "../peers/gateway/messages.ts";
import type { BenchOptions } from "./benches.ts";
import { type Line, median, percentile, round } from "./report.ts";
import { Worker } from "./rounds.ts";

const CONCURRENCY = 32;
const PEERS = ["connect-node", "proxy"] as const;
type Peer = (typeof PEERS)[number];
const TARGETS = ["gateway", ...PEERS] as const;
type Target = (typeof TARGETS)[number];

/** One kind of request, and what its figure is called. */
interface Scenario {
  readonly metric: string;
  readonly path: string;
  readonly type?: string;
  readonly body?: Uint8Array;
  /** What a request counts for: messages of a stream are counted one by one. */
  readonly units: number;
  /** The answer is at least this long, or the request has failed. */
  readonly minBytes: number;
  /** What each peer does to answer it. */
  readonly what: Readonly<Record<Peer, string>>;
}

const request = create(BatchGetTracksRequestSchema, { trackIds: ["trk_00000000000000000001"] });
const hop = {
  "connect-node": "decodes and encodes request and answer, both ways",
  proxy: "the bytes as they are, to the service and back",
};
const SCENARIOS: readonly Scenario[] = [
  {
    metric: "cpu_us_774b",
    path: pathOf(batch),
    type: "application/proto",
    body: toBinary(BatchGetTracksRequestSchema, request),
    units: 1,
    minBytes: answers.small.length,
    what: hop,
  },
  {
    metric: "cpu_us_27kb",
    path: pathOf(list),
    type: "application/proto",
    body: new Uint8Array(0),
    units: 1,
    minBytes: answers.large.length,
    what: hop,
  },
  {
    metric: "cpu_us_774b_json",
    path: pathOf(batch),
    type: "application/json",
    body: Buffer.from(toJsonString(BatchGetTracksRequestSchema, request)),
    units: 1,
    minBytes: answers.small.length,
    what: {
      "connect-node": "translates between JSON and binary by the schema",
      proxy: "the hop, and Protobuf-ES translates between JSON and binary",
    },
  },
  {
    metric: "cpu_us_stream_message",
    path: pathOf(exported),
    type: "application/connect+proto",
    body: new Uint8Array(5),
    units: STREAM_MESSAGES,
    minBytes: answers.streamed.length * STREAM_MESSAGES,
    what: hop,
  },
  {
    metric: "cpu_us_segment",
    path: SEGMENT_PATH,
    units: 1,
    minBytes: SEGMENT_BYTES,
    what: {
      "connect-node": "reads it from the service each time; the gateway keeps it in memory",
      proxy: "reads it from the service each time; the gateway keeps it in memory",
    },
  },
];

interface Measured {
  readonly cpuUs: number;
  readonly elapsedMs: number;
  readonly latenciesMs: readonly number[];
  readonly errors: number;
}

interface Server {
  readonly worker: Worker;
  readonly port: number;
}

interface Plan {
  /** Of each target: two that run the same code differ by a fifth, by what was compiled when, and where it lies. */
  readonly processes: number;
  /** Of each process, for each kind of request. */
  readonly rounds: number;
  readonly durationMs: number;
  /**
   * Rounds before, until what is hot has been compiled, which for more code takes longer: after 12,000 calls the
   * gateway still takes a third more for each than after 20,000. The quick run has no time for so many. The targets
   * take turns here too: V8 throws compiled code away while a process rests for 8 s.
   */
  readonly warmUpRounds: { readonly first: number; readonly others: number };
}

/**
 * CPU time of the gateway's process for each request, against connect-node and a hand-written proxy doing
 * the same hop to the same service, each in processes of its own: several, one after another, so that no
 * figure is the luck of one. The targets take turns; a figure is the median of all rounds of all processes
 * of a target.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const plan: Plan = quick
    ? { processes: 2, rounds: 3, durationMs: 120, warmUpRounds: { first: 13, others: 3 } }
    : { processes: 4, rounds: 4, durationMs: 400, warmUpRounds: { first: 15, others: 5 } };
  const backend = new Worker("../peers/gateway/backend.ts", []);
  const backendPort = await backend.hear<number>();
  const measured = new Map<string, Measured[]>();
  say(`answers: ${answers.small.length} B, ${answers.large.length} B, ${answers.streamed.length} B streamed`);
  try {
    for (let process = 1; process <= plan.processes; process++) {
      const first = new Map<Target, number[]>(TARGETS.map((target) => [target, []]));
      await runProcesses(plan, String(backendPort), (scenario, target, result) => {
        const key = `${scenario.metric} ${target}`;
        measured.set(key, [...(measured.get(key) ?? []), result]);
        if (scenario === SCENARIOS[0]) first.get(target)!.push(cpuUsOf(scenario, result));
      });
      const figures = [...first].map(([target, rounds]) => `${target} ${round(median(rounds))}`);
      say(
        `process ${process}/${plan.processes} of each target: ${SCENARIOS[0]!.metric} ${figures.join(", ")}`,
      );
    }
  } finally {
    backend.stop();
  }
  return SCENARIOS.flatMap((scenario) =>
    PEERS.flatMap((peer) => {
      const of = (target: Target) => measured.get(`${scenario.metric} ${target}`)!;
      const compare = (metric: string, unit: string, figure: (one: Measured) => number) =>
        line(scenario, peer, { metric, unit, ours: of("gateway"), theirs: of(peer), figure }, plan);
      const cpu = compare(scenario.metric, "us", (one) => cpuUsOf(scenario, one));
      if (scenario !== SCENARIOS[0]) return [cpu];
      return [
        cpu,
        compare("p99_ms", "ms", ({ latenciesMs }) => percentile(latenciesMs, 0.99)),
        compare("requests_per_s", "1/s", (one) => (one.latenciesMs.length * 1000) / one.elapsedMs),
      ];
    }),
  );
}

function cpuUsOf({ units }: Scenario, { cpuUs, latenciesMs }: Measured): number {
  return cpuUs / (latenciesMs.length * units);
}

/** Measures one process of each target. */
async function runProcesses(
  { rounds, durationMs, warmUpRounds }: Plan,
  backendPort: string,
  onMeasured: (scenario: Scenario, target: Target, result: Measured) => void,
): Promise<void> {
  const servers = new Map<Target, Server>();
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  try {
    for (const target of TARGETS) {
      const worker = new Worker(`../peers/gateway/${target}.ts`, [backendPort]);
      servers.set(target, { worker, port: await worker.hear<number>() });
    }
    const turn = async (scenario: Scenario, order: readonly Target[], onResult?: typeof onMeasured) => {
      for (const target of order) {
        const result = await runRound(scenario, servers.get(target)!, agent, durationMs);
        onResult?.(scenario, target, result);
      }
    };
    // What each kind does makes V8 give up some of what it compiled for the kinds before, so the first comes last.
    for (const scenario of SCENARIOS.toReversed()) {
      const turns = warmUpRounds[scenario === SCENARIOS[0] ? "first" : "others"];
      for (let done = 0; done < turns; done++) await turn(scenario, TARGETS);
    }
    for (let round = 0; round < rounds; round++) {
      // Whoever comes first after another kind of request is a little colder.
      const order = round % 2 === 0 ? TARGETS : TARGETS.toReversed();
      for (const scenario of SCENARIOS) await turn(scenario, order, onMeasured);
    }
  } finally {
    agent.destroy();
    for (const { worker } of servers.values()) worker.stop();
  }
}

interface Comparison {
  readonly metric: string;
  readonly unit: string;
  readonly ours: readonly Measured[];
  readonly theirs: readonly Measured[];
  readonly figure: (one: Measured) => number;
}

function line(
  { what }: Scenario,
  against: Peer,
  { metric, unit, ours, theirs, figure }: Comparison,
  { processes }: Plan,
): Line {
  const us = median(ours.map(figure));
  const them = median(theirs.map(figure));
  const sum = (rounds: readonly Measured[], of: (one: Measured) => number) =>
    rounds.reduce((total, one) => total + of(one), 0);
  const achieved = sum(ours, ({ latenciesMs }) => latenciesMs.length);
  return {
    bench: "gateway",
    metric,
    unit,
    n: achieved,
    offered: achieved + sum(ours, ({ errors }) => errors),
    achieved,
    ours: round(us),
    against,
    peer: round(them),
    ratio: round(us / them),
    what: what[against],
    peer_n: sum(theirs, ({ latenciesMs }) => latenciesMs.length),
    peer_errors: sum(theirs, ({ errors }) => errors),
    rounds: ours.length,
    processes,
    concurrency: CONCURRENCY,
  };
}

async function runRound(
  scenario: Scenario,
  { worker, port }: Server,
  agent: http.Agent,
  durationMs: number,
): Promise<Measured> {
  const latenciesMs: number[] = [];
  let errors = 0;
  const cpuBefore = await worker.ask<number>("usage");
  const startedAtMs = performance.now();
  const loop = async () => {
    while (performance.now() - startedAtMs < durationMs) {
      const sentAtMs = performance.now();
      if (await requestOnce(scenario, port, agent)) latenciesMs.push(performance.now() - sentAtMs);
      else errors++;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, loop));
  const elapsedMs = performance.now() - startedAtMs;
  return { cpuUs: (await worker.ask<number>("usage")) - cpuBefore, elapsedMs, latenciesMs, errors };
}

/** Whether the answer came whole. */
function requestOnce(scenario: Scenario, port: number, agent: http.Agent): Promise<boolean> {
  return new Promise((resolve) => {
    const { path, type, body } = scenario;
    const headers = type && body ? { "content-type": type, "content-length": body.length } : {};
    const options = { host: "127.0.0.1", port, path, method: body ? "POST" : "GET", agent, headers };
    const sent = http.request(options, (answer) => {
      let bytes = 0;
      answer.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      answer.on("end", () => resolve(answer.statusCode === 200 && bytes >= scenario.minBytes));
      answer.on("error", () => resolve(false));
    });
    sent.on("error", () => resolve(false));
    sent.end(body);
  });
}
