import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { type ProcessSpec, type RunningProcess, startProcess } from "./process.ts";
import { Sentence } from "./sentence.ts";

/** How a process is kept running. */
export interface Supervision {
  readonly spec: ProcessSpec;
  /** Asked every 50 ms after a start until it says yes; a rejection means no. */
  readonly ready: () => Promise<boolean>;
  /** 60,000 by default. */
  readonly readyTimeoutMs?: number;
  /** Told in a sentence about crashes. */
  readonly onEvent?: (sentence: string) => void;
}

const firstPauseMs = 250;
const longestPauseMs = 10_000;
/** What ran that long before it crashed starts over with the first pause. */
const stableAfterMs = 30_000;

/** A process that is started again, with backoff, whenever it ends without having been asked to. */
export class Supervised {
  readonly #supervision: Supervision;
  #process: RunningProcess | undefined;
  /** Aborted when it is no longer wanted, which ends the pause before a restart. */
  #wanted = new AbortController();

  constructor(supervision: Supervision) {
    this.#supervision = supervision;
    this.#wanted.abort();
  }

  get name(): string {
    return this.#supervision.spec.name;
  }

  /** Process id of the copy that runs, or ran last. */
  get pid(): number {
    if (this.#process === undefined) throw new Error(`${this.name} was never started`);
    return this.#process.pid;
  }

  /** Starts it and resolves when it is ready. Rejects with a `Sentence` when it ends before, or takes too long. */
  async start(): Promise<void> {
    const wanted = new AbortController();
    const child = await startProcess(this.#supervision.spec);
    this.#wanted = wanted;
    this.#process = child;
    await this.#untilReady(child);
    void this.#restartWhenItEnds(child, wanted.signal);
  }

  /** Asks it to end; resolves when it did. It stays down until `restart`. */
  async stop(): Promise<void> {
    this.#wanted.abort();
    await this.#process?.stop();
  }

  /** Kills it with SIGKILL. It stays down until `restart`. */
  async kill(): Promise<void> {
    this.#wanted.abort();
    await this.#process?.kill();
  }

  /** Starts it again, with the same address and data, after a stop if it runs. Resolves when ready. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async #untilReady(child: RunningProcess): Promise<void> {
    const { ready, readyTimeoutMs = 60_000, spec } = this.#supervision;
    const deadline = performance.now() + readyTimeoutMs;
    while (!(await ready().catch(() => false))) {
      const late = performance.now() > deadline;
      if (child.running && !late) {
        await Promise.race([delay(50), child.exited]);
        continue;
      }
      this.#wanted.abort();
      const ended = late
        ? `is not ready after ${readyTimeoutMs / 1000} s`
        : `ended with ${await child.exited}`;
      await child.kill();
      throw new Sentence(
        `${spec.name} ${ended}: ${await lastWords(spec.logFile)} (its log: ${spec.logFile})`,
      );
    }
  }

  async #restartWhenItEnds(first: RunningProcess, wanted: AbortSignal): Promise<void> {
    let child = first;
    let pauseMs = firstPauseMs;
    let startedAt = performance.now();
    for (;;) {
      const ending = await child.exited;
      if (wanted.aborted) return;
      if (performance.now() - startedAt > stableAfterMs) pauseMs = firstPauseMs;
      this.#supervision.onEvent?.(
        `${this.name} ended with ${ending}: starting it again in ${pauseMs / 1000} s`,
      );
      await delay(pauseMs, undefined, { signal: wanted }).catch(() => {});
      if (wanted.aborted) return;
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
      startedAt = performance.now();
      child = await startProcess(this.#supervision.spec).catch(failedStart);
      if (wanted.aborted) return await child.kill();
      this.#process = child;
    }
  }
}

/** Stands for a process whose program could not be run, as when it is just being installed anew. */
function failedStart(error: Error): RunningProcess {
  const done = async () => {};
  return { pid: 0, running: false, exited: Promise.resolve(error.message), stop: done, kill: done };
}

/** What it said last to people: no JSON, no stack, not Node's version after them. */
async function lastWords(logFile: string): Promise<string> {
  const text = await readFile(logFile, "utf8").catch(() => "");
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const words = lines.filter((line) => !/^([{\s]|Node\.js v)/.test(line));
  return (words.at(-1) ?? lines.at(-1))?.trim() ?? "it said nothing";
}
