import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { guardProcess, unguardProcess } from "./guard.ts";
import { Sentence } from "./sentence.ts";

/** What to run. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** stdout and stderr are appended to it. */
  readonly logFile: string;
  /** Asks for a clean end, SIGTERM by default. */
  readonly stopSignal?: NodeJS.Signals;
  /** Ends it at once, its children included, when this process is gone; SIGTERM by default. */
  readonly orphanSignal?: NodeJS.Signals;
  /** After that long without a clean end it is killed, 15,000 ms by default. */
  readonly stopTimeoutMs?: number;
}

/** A process that runs or ran. */
export interface RunningProcess {
  readonly pid: number;
  readonly running: boolean;
  /** Resolves with how it ended: "exit code 1", "SIGKILL". */
  readonly exited: Promise<string>;
  /** Asks it to end and resolves when it did; kills it when it takes too long. */
  stop(): Promise<void>;
  /** SIGKILL to it and its children; resolves when it is gone. */
  kill(): Promise<void>;
}

/**
 * Starts a process in a group of its own, so that Ctrl-C reaches only the runner, which then stops
 * things in order. It cannot outlive this process. Throws a `Sentence` when it cannot be started.
 */
export async function startProcess(spec: ProcessSpec): Promise<RunningProcess> {
  mkdirSync(dirname(spec.logFile), { recursive: true });
  const log = openSync(spec.logFile, "a");
  const child = spawn(spec.command, [...spec.args], {
    cwd: spec.cwd,
    env: { ...process.env, ...spec.env },
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  await once(child, "spawn").catch((error: Error) => {
    throw new Sentence(`${spec.name} cannot be started: ${error.message}`);
  });
  const pid = child.pid as number;
  guardProcess(pid, spec.orphanSignal ?? "SIGTERM");
  let running = true;
  const exited = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => {
      running = false;
      unguardProcess(pid);
      resolve(signal ?? `exit code ${code}`);
    });
  });
  const kill = async () => {
    if (running) process.kill(-pid, "SIGKILL");
    await exited;
  };
  return {
    pid,
    exited,
    get running() {
      return running;
    },
    kill,
    async stop() {
      if (running) child.kill(spec.stopSignal ?? "SIGTERM");
      const timer = new AbortController();
      const late = delay(spec.stopTimeoutMs ?? 15_000, "late", { signal: timer.signal }).catch(() => "");
      if ((await Promise.race([exited, late])) === "late") await kill();
      timer.abort();
    },
  };
}
