import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What a client process is told to do. */
export interface RoundOrder {
  readonly durationMs: number;
  /** Calls in flight at a time: as one ends the next starts. */
  readonly concurrency: number;
}

/** What it measured, of itself alone. */
export interface Round {
  readonly calls: number;
  readonly errors: number;
  readonly cpuUs: number;
  readonly elapsedMs: number;
}

/** Whether processes can be bound to the first and the second core of this machine. */
export function canPin(): boolean {
  return ["0", "1"].every((core) => spawnSync("taskset", ["-c", core, "true"]).status === 0);
}

/** A child process that runs rounds, or a server. */
export class Worker {
  readonly #child: ChildProcess;

  /** @param core the only one that it may run on, where `canPin` says that this can be had */
  constructor(file: string, args: readonly string[], core?: number) {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const command = [process.execPath, path, ...args];
    const pinned = core === undefined ? command : ["taskset", "-c", String(core), ...command];
    const [program, ...rest] = pinned;
    this.#child = spawn(program!, rest, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  }

  /** The next message of the child. Rejects when it ends instead. */
  hear<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null) => reject(new Error(`a worker ended with code ${code}`));
      this.#child.once("exit", onExit);
      this.#child.once("message", (message) => {
        this.#child.off("exit", onExit);
        resolve(message as T);
      });
    });
  }

  ask<T>(order: unknown): Promise<T> {
    const answer = this.hear<T>();
    this.tell(order);
    return answer;
  }

  /** The child does not answer. */
  tell(order: unknown): void {
    this.#child.send(order as object);
  }

  /** Sends a signal, by default SIGTERM. */
  stop(signal?: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when the process has ended. */
  ended(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => this.#child.once("exit", () => resolve()));
  }
}

/** In a client process: runs the rounds it is told to, with `one` as the call under test. */
export function serveRounds(one: () => Promise<unknown>): void {
  process.on("message", async (order: RoundOrder) => {
    process.send?.(await runRound(one, order));
  });
  process.send?.("ready");
}

async function runRound(one: () => Promise<unknown>, order: RoundOrder): Promise<Round> {
  let calls = 0;
  let errors = 0;
  let over = false;
  const loop = async () => {
    while (!over) {
      try {
        await one();
        calls++;
      } catch {
        errors++;
      }
    }
  };
  const cpu = process.cpuUsage();
  const startedAtMs = performance.now();
  const timer = setTimeout(() => {
    over = true;
  }, order.durationMs);
  await Promise.all(Array.from({ length: order.concurrency }, loop));
  clearTimeout(timer);
  const { user, system } = process.cpuUsage(cpu);
  return { calls, errors, cpuUs: user + system, elapsedMs: performance.now() - startedAtMs };
}
