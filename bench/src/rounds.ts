import { type ChildProcess, fork } from "node:child_process";
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

/** A child process that runs rounds, or a server. */
export class Worker {
  readonly #child: ChildProcess;

  constructor(file: string, args: readonly string[]) {
    const path = fileURLToPath(new URL(file, import.meta.url));
    this.#child = fork(path, [...args], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
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
    this.#child.send(order as object);
    return answer;
  }

  stop(): void {
    this.#child.kill();
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
