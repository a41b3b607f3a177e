import { startMesh, until } from "@antiphon/mesh/testing";
import type { Access } from "@antiphon/proto/antiphon/options/v1/options";
import { expect, onTestFinished, test } from "vitest";
import { callReview, openGateway, reviewPath, reviews } from "../testing/reviews.ts";

async function gateway() {
  const mesh = await startMesh();
  onTestFinished(() => mesh.stop());
  const deps = mesh.deps("gateway");
  const { url, close } = await openGateway(deps);
  onTestFinished(close);
  const refused = async (service: string) => {
    const told = await deps.metrics.getSingleMetric("gateway_contracts_total")?.get();
    return told?.values.some(({ labels }) => labels.service === service && labels.result === "refused");
  };
  return { mesh, url, refused };
}

test("a service that the gateway has never seen can be called once it has appeared", async () => {
  const { mesh, url } = await gateway();
  expect(await callReview(url, "GetReview")).toBe(404);
  await mesh.add({ name: "reviews", served: reviews("Rate") });
  await until(async () => (await callReview(url, "GetReview")) === 200);
  const binary = await fetch(`${url}${reviewPath("GetReview")}`, {
    method: "POST",
    headers: { "content-type": "application/proto" },
    body: Buffer.from("\x0a\x05hello"),
  });
  expect(Buffer.from(await binary.arrayBuffer()).toString()).toBe("\x0a\x05hello");
});

test("bad contracts are refused, and the last good routes stay", async () => {
  const { mesh, url, refused } = await gateway();
  await mesh.add({ name: "reviews", served: reviews("Rate"), version: "1" });
  await until(async () => (await callReview(url, "Rate")) === 200);
  await mesh.add({ name: "reviews", served: reviews("Ban", 9 as Access), version: "2" });
  // Of another service by its contract.
  await mesh.add({ name: "copycat", served: reviews("Steal") });
  await until(async () => (await refused("reviews")) && (await refused("copycat")));
  expect(await callReview(url, "Steal")).toBe(404);
  expect(await callReview(url, "Ban")).toBe(404);
  expect(await callReview(url, "GetReview")).toBe(200);
});

test("a hundred reloads while calls run drop none of them", async () => {
  const { mesh, url } = await gateway();
  let [running] = await mesh.add({ name: "reviews", served: reviews("Rate0"), version: "0" });
  await until(async () => (await callReview(url, "Rate0")) === 200);
  const statuses = new Map<number, number>();
  let over = false;
  onTestFinished(() => {
    over = true;
  });
  const caller = async () => {
    while (!over) {
      const status = await callReview(url, "GetReview").catch(() => -1);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const callers = [caller(), caller()];
  for (let reload = 1; reload <= 100; reload++) {
    const method = `Rate${reload}`;
    const [next] = await mesh.add({ name: "reviews", served: reviews(method), version: String(reload) });
    await running!.stop();
    running = next;
    await until(async () => (await callReview(url, method)) === 200);
  }
  over = true;
  await Promise.all(callers);
  expect([...statuses.keys()]).toEqual([200]);
  expect(statuses.get(200)).toBeGreaterThan(100);
  expect(await callReview(url, "Rate0")).toBe(404);
}, 60_000);
