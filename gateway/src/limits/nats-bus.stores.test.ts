import { newId } from "@antiphon/mesh";
import { backing, startMesh, until } from "@antiphon/mesh/testing";
import { expect, onTestFinished, test } from "vitest";
import { natsBus } from "./nats-bus.ts";
import { sharedCounts } from "./shared-counts.ts";
import { TokenBuckets } from "./token-buckets.ts";

test("what one gateway lets through is taken from the buckets of the other, over NATS", async () => {
  const mesh = await startMesh({ config: { natsUrl: backing().natsUrl } });
  onTestFinished(() => mesh.stop());
  const gateway = (self: string) => {
    const counts = sharedCounts({ bus: natsBus(mesh.deps(self).nats()), self });
    onTestFinished(counts.close);
    const buckets = new TokenBuckets({ perSecond: 0.001, burst: 100 }, () => performance.now());
    counts.share("test", buckets);
    return buckets;
  };
  const [a, b] = [gateway("a"), gateway("b")];
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    // What was told before the other one listened is lost: then with another key again.
    await until(async () => {
      const key = newId("lst");
      while (from.take(key) === 0);
      return until(() => to.waitMs(key) > 0, { timeoutMs: 1000 });
    });
  }
  expect(a.waitMs(newId("lst"))).toBe(0);
});
