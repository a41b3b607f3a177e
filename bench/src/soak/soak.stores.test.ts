import { expect, test } from "vitest";
import { soak } from "./soak.ts";

test("no idempotent call fails while replicas are killed, stopped and restarted", async () => {
  const said: string[] = [];
  const report = await soak({ durationMs: 20_000, seed: 4, say: (text) => said.push(text) });
  expect(said.filter((text) => text.startsWith("failed"))).toEqual([]);
  expect(report.failed).toBe(0);
  expect(report.offered).toBeGreaterThan(1_000);
  const { killed, stopped, restarted } = report.faults;
  expect(killed + stopped + restarted).toBeGreaterThan(4);
}, 90_000);
