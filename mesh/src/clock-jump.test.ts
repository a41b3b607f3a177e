import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { echoService } from "../testing/echo.ts";
import { startMesh } from "../testing/test-mesh.ts";
import { until } from "../testing/until.ts";
import { serve } from "./server/served.ts";
import { debugSnapshot } from "./telemetry/debug-targets.ts";

const DAY_MS = 86_400_000;

// The wall clock stands still but for the jumps; timers go on.
beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
afterEach(() => void vi.useRealTimers());

const jump = (byMs: number) => vi.setSystemTime(Date.now() + byMs);

/** Calls in nobody's name: a listener's proof is for minutes, and a clock that is a day ahead has to refuse it. */
async function echoMesh() {
  const mesh = await startMesh({
    services: [{ name: "echo", replicas: 3, served: [serve(EchoService, echoService())] }],
  });
  onTestFinished(() => mesh.stop());
  const client = mesh.client(EchoService);
  await client.echo({});
  return { client, shown: () => debugSnapshot().find(({ target }) => target === "consul:///echo")! };
}

test("a wall clock that jumps by a day, to and fro, fails no call, ejects nobody and reconnects nobody", async () => {
  const { client, shown } = await echoMesh();
  await until(() => shown().endpoints.every(({ link }) => link === "ready"));
  for (let round = 0; round < 12; round++) {
    const calls = Promise.all([1, 2, 3, 4].map(() => client.echo({ delayMs: 5 }, { timeoutMs: 5_000 })));
    jump(round % 4 < 2 ? DAY_MS : -DAY_MS);
    await calls;
  }
  const { recentTransitions, retryBudgetRemaining } = shown();
  expect(new Set(recentTransitions.map(({ cause }) => cause))).toEqual(new Set(["connected"]));
  expect(retryBudgetRemaining).toBe(1);
});

test.each([DAY_MS, -DAY_MS])(
  "a call has its deadline though the clock jumps by %i ms meanwhile",
  async (byMs) => {
    const { client } = await echoMesh();
    const call = client.echoOnce({ delayMs: 30_000 }, { timeoutMs: 200 });
    jump(byMs);
    await expect(call).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  },
);
