import type { BadInput, Target } from "../../gateway/testing/bad-input.ts";
import { badInputs } from "../../gateway/testing/bad-inputs.ts";
import type { BenchOptions } from "./benches.ts";
import { type Line, round } from "./report.ts";
import { Worker } from "./rounds.ts";

const DIED = "process died";
const UNANSWERED = "no answer";
/** A client of `raw` gives up after 10 s by itself. */
const PATIENCE_MS = 3_000;

/**
 * What the gateway and a bare connect-node server answer to every line of the gateway's table of bad inputs,
 * one after the other, each server in a process of its own that is started again when it dies.
 */
export async function run({ say }: BenchOptions): Promise<readonly Line[]> {
  const ours = await answersOf("gateway");
  const theirs = await answersOf("connect-node");
  const width = Math.max(...badInputs.map(({ what }) => what.length));
  const row = (...cells: readonly string[]) => say(cells.map((cell) => cell.padEnd(26)).join(""));
  row("expected", "gateway", "connect-node", "input".padEnd(width));
  for (const [index, { what, answer }] of badInputs.entries())
    row(answer, ours[index]!, theirs[index]!, what);
  const count = (answers: readonly string[], isCounted: (answer: string, index: number) => boolean) =>
    answers.filter(isCounted).length;
  const line = (metric: string, isCounted: (answer: string, index: number) => boolean): Line => {
    const [us, them] = [count(ours, isCounted), count(theirs, isCounted)];
    return {
      bench: "bad-inputs",
      metric,
      unit: "inputs",
      n: badInputs.length,
      offered: badInputs.length,
      achieved: count(ours, (answer) => answer !== UNANSWERED && answer !== DIED),
      ours: us,
      against: "connect-node",
      peer: them,
      ratio: round(us / (them || 1)),
    };
  };
  return [
    line("answered_as_expected", (answer, index) => answer === badInputs[index]?.answer),
    line("processes_killed", (answer) => answer === DIED),
    line("unanswered", (answer) => answer === UNANSWERED),
    line("answered_500", (answer) => answer.startsWith("500")),
  ];
}

async function answersOf(kind: string): Promise<string[]> {
  const answers: string[] = [];
  let server = await start(kind);
  try {
    for (const input of badInputs) {
      const answer = await answerOf(input, server);
      answers.push(answer);
      if (answer !== DIED) continue;
      server = await start(kind);
    }
  } finally {
    server.worker.stop();
  }
  return answers;
}

interface Server {
  readonly worker: Worker;
  readonly target: Target;
}

async function start(kind: string): Promise<Server> {
  const worker = new Worker(`../peers/gateway/bad-inputs-${kind}.ts`, []);
  return { worker, target: await worker.hear<Target>() };
}

async function answerOf({ send }: BadInput, { worker, target }: Server): Promise<string> {
  const patience = new AbortController();
  const died = worker.ended().then(() => DIED);
  const answer = send(target).catch(() => "closed");
  const late = new Promise<string>((resolve) => {
    const timer = setTimeout(() => resolve(UNANSWERED), PATIENCE_MS);
    patience.signal.addEventListener("abort", () => clearTimeout(timer));
  });
  const first = await Promise.race([answer, late, died]);
  patience.abort();
  // A process that dies of an input closes its connection first.
  if (first !== "closed" && first !== "reset") return first;
  return Promise.race([died, new Promise<string>((resolve) => setTimeout(resolve, 50, first))]);
}
