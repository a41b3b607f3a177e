import type { Algorithm, BalanceOverrides } from "@antiphon/mesh/balance";
import { percentile, round } from "../src/report.ts";
import { VirtualCaller, World } from "./world.ts";

/** One line of a table; the first column names what was simulated. */
export type Row = Readonly<Record<string, string | number>>;

export interface Scenario {
  readonly title: string;
  /** What is to be seen in its rows. */
  readonly question: string;
  run(): Promise<readonly Row[]>;
}

const HOUR_MS = 3_600_000;
/** As a client without a mesh: each in turn, whatever comes of it. */
const BARE: BalanceOverrides = {
  algorithm: "round_robin",
  ejection: { consecutiveFailures: 1_000, minAttempts: 100_000, successRateDeviations: 0 },
  slowStartMs: 0,
};

const algorithms: readonly (readonly [string, BalanceOverrides])[] = [
  ["p2c", {}],
  ["round_robin", { algorithm: "round_robin" as Algorithm }],
  ["round robin without ejection", BARE],
];

const p = (values: readonly number[], share: number) =>
  values.length ? round(percentile(values, share)) : 0;

export const scenarios: readonly Scenario[] = [
  {
    title: "One slow replica of ten",
    question: "400 calls a second in bursts of 8 for ten minutes; one replica needs 200 ms, the others 5.",
    async run() {
      const rows: Row[] = [];
      for (const [name, settings] of algorithms) {
        for (const isSlow of [false, true]) {
          const world = new World(10);
          if (isSlow) world.servers[3]!.meanMs = 200;
          const caller = new VirtualCaller(world, 1, { settings });
          world.often(50, 600_000, () => {
            for (let call = 0; call < 8; call++) caller.call();
          });
          await world.run(600_000);
          const toSlow = round((world.servers[3]!.calls / caller.latenciesMs.length) * 100);
          rows.push({
            algorithm: name,
            replicas: isSlow ? "one slow" : "all well",
            "p50 ms": p(caller.latenciesMs, 0.5),
            "p99 ms": p(caller.latenciesMs, 0.99),
            "calls to it, %": toSlow,
          });
          caller.close();
        }
      }
      return rows;
    },
  },
  {
    title: "The caller stands still for two seconds",
    question: "Ten times in ten minutes, 200 calls a second with a deadline of 1 s; all servers are well.",
    async run() {
      const rows: Row[] = [];
      for (const knowsItsLag of [true, false]) {
        const world = new World(10);
        const caller = new VirtualCaller(world, 1, { settings: {}, knowsItsLag });
        world.often(200, 600_000, () => caller.call());
        for (let minute = 1; minute <= 10; minute++) world.at(minute * 57_000, () => caller.stall(2_000));
        await world.run(610_000);
        const ejections = caller.transitions.filter(({ to }) => to === "ejected").length;
        rows.push({
          "own lag": knowsItsLag ? "subtracted" : "ignored",
          "false ejections": ejections,
          "calls that missed their deadline": caller.failed,
        });
        caller.close();
      }
      return rows;
    },
  },
  {
    title: "One of ten fails",
    question: "For one minute of an hour, at 200 calls a second; the others fail once in a thousand calls.",
    async run() {
      const rows: Row[] = [];
      for (const rate of [1, 0.5, 0.2]) {
        for (const [name, settings] of algorithms) {
          const world = new World(10);
          for (const server of world.servers) server.failureRate = 0.001;
          const caller = new VirtualCaller(world, 1, { settings });
          world.often(200, HOUR_MS, () => caller.call());
          const broken = world.servers[0]!;
          world.at(1_800_000, () => {
            broken.failureRate = rate;
          });
          world.at(1_860_000, () => {
            broken.failureRate = 0.001;
          });
          await world.run(1_800_000);
          const before = caller.failed;
          await world.run(1_860_000);
          const during = caller.failed - before;
          await world.run(HOUR_MS);
          const ejections = caller.transitions.filter(({ to }) => to === "ejected");
          const first = ejections.find(({ endpoint }) => endpoint === "server-0");
          rows.push({
            "fails, %": rate * 100,
            algorithm: name,
            "failed of 12,000 calls": during,
            "first ejected after ms": first ? Math.round(first.atMs - 1_800_000) : "never",
            "healthy ones ejected in the hour": ejections.filter(({ endpoint }) => endpoint !== "server-0")
              .length,
          });
          caller.close();
        }
      }
      return rows;
    },
  },
  {
    title: "All fail, then all are well",
    question: "Ten replicas fail every call for a minute; 200 calls a second.",
    async run() {
      const world = new World(10);
      const caller = new VirtualCaller(world, 1, { settings: {} });
      world.often(200, 240_000, () => caller.call());
      const all = (rate: number) => {
        for (const server of world.servers) server.failureRate = rate;
      };
      world.at(60_000, () => all(1));
      world.at(120_000, () => all(0));
      let most = 0;
      for (let atMs = 60_000; atMs < 120_000; atMs += 500) {
        world.at(atMs, () => {
          most = Math.max(most, caller.balancer.countStates().ejected);
        });
      }
      await world.run(120_000);
      const failed = caller.failed;
      await world.run(240_000);
      const back = caller.transitions.filter(({ to, atMs }) => to === "healthy" && atMs > 120_000);
      const row = {
        "ejected at once, at most": most,
        "calls without an endpoint": caller.unsent,
        "failed while all fail": failed,
        "failed after": caller.failed - failed,
        "last endpoint healthy again after s": round(
          (Math.max(...back.map(({ atMs }) => atMs)) - 120_000) / 1_000,
        ),
      };
      caller.close();
      return [row];
    },
  },
];
