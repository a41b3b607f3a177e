import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { until } from "@antiphon/mesh/testing";
import fc from "fast-check";
import { GET_TRACK, over2, post } from "../bad-input.ts";
import { type Attack, carryOut } from "./attack.ts";
import type { Health } from "./gateway.ts";
import { http1Attack } from "./http1.ts";
import { http2Attack } from "./http2.ts";

export interface FuzzOptions {
  readonly forMs: number;
  /** Of a run that failed, as it printed them: attacks with these again. */
  readonly seed?: number | undefined;
  readonly path?: string | undefined;
}

/** What attacks may leave on the heap, compiled code and the series of metrics among it. */
const MAX_LEFT_BYTES = 32 * 1024 * 1024;

const healthy = [
  post("over HTTP/1.1", "application/json", '{"trackId":"trk_00000000000000000001"}', {}, "200"),
  over2(
    "a good call",
    { ":path": GET_TRACK, "content-type": "application/json" },
    '{"trackId":"trk_00000000000000000001"}',
    "200",
  ),
];

/**
 * Attacks a gateway in a child process. After each batch it must be alive, answer a good call of each HTTP,
 * hold no connection, and after a collection no more memory than before. Resolves with how many attacks it
 * stood; rejects with the seed and path of the batch that it did not.
 */
export async function fuzz({ forMs, seed, path }: FuzzOptions): Promise<number> {
  const gateway = await startGateway();
  let attacks = 0;
  try {
    const before = await gateway.health();
    const attack = fc.oneof(http1Attack, http2Attack);
    const property = fc.asyncProperty(fc.array(attack, { minLength: 8, maxLength: 16 }), async (batch) => {
      attacks += batch.length;
      await gateway.whileAlive(standUp(batch, gateway, before.heapBytes));
    });
    await fc.assert(property, {
      numRuns: Number.MAX_SAFE_INTEGER,
      interruptAfterTimeLimit: forMs,
      // A batch that fails once is printed as it is: shrinking it would attack for hours.
      endOnFailure: true,
      ...(seed === undefined ? {} : { seed }),
      ...(path === undefined ? {} : { path }),
    });
  } finally {
    gateway.stop();
  }
  return attacks;
}

async function standUp(
  batch: readonly Attack[],
  { port, health }: Gateway,
  heapBytes: number,
): Promise<void> {
  await Promise.all(batch.map((attack) => carryOut(attack, port)));
  for (const { what, send, answer } of healthy) {
    const got = await send({ http1: port, http2: port, token: "" });
    if (got !== answer) throw new Error(`a good call ${what} was answered ${got}`);
  }
  const last = await until(
    async () => {
      const now = await health();
      return now.connections === 0 ? now : undefined;
    },
    { what: "that no connection is left" },
  );
  const left = last.heapBytes - heapBytes;
  if (left > MAX_LEFT_BYTES) throw new Error(`${left} bytes more than before are held`);
}

interface Gateway {
  readonly port: number;
  health(): Promise<Health>;
  /** Rejects when the process ends meanwhile. */
  whileAlive<T>(work: Promise<T>): Promise<T>;
  stop(): void;
}

async function startGateway(): Promise<Gateway> {
  const child = fork(fileURLToPath(new URL("./gateway.ts", import.meta.url)), {
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const died = new Promise<never>((_resolve, reject) => {
    child.once("exit", (code, signal) => reject(new Error(`the gateway ended: ${signal ?? `code ${code}`}`)));
  });
  const whileAlive = <T>(work: Promise<T>) => Promise.race([work, died]);
  // Ending it is no failure.
  died.catch(() => {});
  return {
    port: await whileAlive(heard<number>(child)),
    health() {
      const answer = heard<Health>(child);
      child.send("health");
      return answer;
    },
    whileAlive,
    stop: () => void child.kill(),
  };
}

function heard<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve) => child.once("message", (message) => resolve(message as T)));
}
