import type { BenchOptions } from "./benches.ts";
import { type CancelBed, type Front, type Outcome, openCancelBed } from "./cancel-bed.ts";
import { type Line, median, percentile, round } from "./report.ts";

const BROWSERS = ["http1", "http2"] as const;
const KINDS = ["unary", "stream"] as const;
const ABORTED = 1_000;
const STALLS = 3;
/** What is asked of the gateway. */
const TARGETS = { cancelMs: 100, leftOpen: 0, heldKb: 8_000 };

type Results = Map<string, Outcome[]>;
type Measure = (front: Front, results: Results) => Promise<void>;

/**
 * What comes of browsers that leave, or do not read: how soon a handler behind the gateway hears of it, how many
 * calls are left open behind it, and what it holds for a reader that has stalled. Against connect-node in front of
 * the same service, which takes turns with it.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const rounds = quick ? 12 : 40;
  const bed = await openCancelBed();
  try {
    const fronts = [
      await bed.startFront("../peers/gateway/gateway.ts"),
      await bed.startFront("../peers/cancel/connect-node.ts"),
    ] as const;
    const results = fronts.map((): Results => new Map()) as [Results, Results];
    const takeTurns = async (turns: number, measure: Measure) => {
      for (let turn = 0; turn < turns; turn++) {
        for (const one of turn % 2 === 0 ? [0, 1] : [1, 0]) await measure(fronts[one]!, results[one]!);
      }
    };
    // Until what is hot has been compiled.
    const discarded: Results = new Map();
    await takeTurns(1, (front) => leaving(bed, front, discarded));
    await takeTurns(1, (front) => stalling(bed, front, discarded));
    await takeTurns(rounds, (front, into) => leaving(bed, front, into));
    say("calls were left");
    await takeTurns(1, (front, into) => aborting(bed, front, into));
    say("streams were aborted");
    await takeTurns(STALLS, (front, into) => stalling(bed, front, into));
    return linesOf(...results);
  } finally {
    bed.close();
  }
}

async function leaving(bed: CancelBed, front: Front, into: Results): Promise<void> {
  for (const browser of BROWSERS) {
    for (const kind of KINDS) add(into, `${kind} ${browser}`, await bed.leave(front, browser, kind));
  }
}

async function aborting(bed: CancelBed, front: Front, into: Results): Promise<void> {
  for (const browser of BROWSERS) {
    add(into, `open ${browser}`, await bed.abortStreams(front, browser, ABORTED));
  }
}

async function stalling(bed: CancelBed, front: Front, into: Results): Promise<void> {
  for (const browser of BROWSERS) {
    const { held, pushed } = await bed.stall(front, browser);
    add(into, `held ${browser}`, held);
    add(into, `pushed ${browser}`, pushed);
  }
}

function add(into: Results, key: string, outcome: Outcome): void {
  into.set(key, [...(into.get(key) ?? []), outcome]);
}

function linesOf(ours: Results, theirs: Results): Line[] {
  const line = (
    key: string,
    metric: string,
    unit: string,
    target: number,
    of: (values: number[]) => number,
  ) => {
    const [us, them] = [ours, theirs].map((results) => {
      const outcomes = results.get(key)!;
      const sum = (part: "offered" | "achieved") => outcomes.reduce((total, one) => total + one[part], 0);
      const values = outcomes.flatMap((one) => one.values);
      return {
        figure: round(of(values)),
        n: values.length,
        offered: sum("offered"),
        achieved: sum("achieved"),
      };
    }) as [Figure, Figure];
    return {
      bench: "gateway-cancel",
      metric,
      unit,
      n: us.n,
      offered: us.offered,
      achieved: us.achieved,
      ours: us.figure,
      against: "connect-node",
      peer: them.figure,
      ratio: round(us.figure / (them.figure || 1)),
      target,
      peer_offered: them.offered,
      peer_achieved: them.achieved,
    };
  };
  const kilobytes = (values: number[]) => median(values) / 1_000;
  return BROWSERS.flatMap((browser) => [
    ...KINDS.flatMap((kind) =>
      [0.5, 0.99].map((share) =>
        line(
          `${kind} ${browser}`,
          `${kind}_${browser}_p${share * 100}_ms`,
          "ms",
          TARGETS.cancelMs,
          (values) => percentile(values, share),
        ),
      ),
    ),
    line(`open ${browser}`, `left_open_${browser}`, "calls", TARGETS.leftOpen, median),
    line(`held ${browser}`, `held_${browser}_kb`, "kB", TARGETS.heldKb, kilobytes),
    line(`pushed ${browser}`, `pushed_${browser}_kb`, "kB", TARGETS.heldKb, kilobytes),
  ]);
}

interface Figure {
  readonly figure: number;
  readonly n: number;
  readonly offered: number;
  readonly achieved: number;
}
