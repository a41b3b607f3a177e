import { expect, test } from "vitest";
import { fuzz } from "../testing/fuzz/fuzz.ts";

const A_MINUTE_MS = 60_000;

test("whatever bytes come for a minute, the gateway lives, answers, and keeps nothing", async () => {
  expect(await fuzz({ forMs: A_MINUTE_MS })).toBeGreaterThan(0);
}, 240_000);
