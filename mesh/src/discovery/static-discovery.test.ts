import { expect, test } from "vitest";
import type { EndpointInfo } from "./discovery.ts";
import { staticDiscovery } from "./static-discovery.ts";

const endpoint = (id: string): EndpointInfo => ({
  id,
  host: "127.0.0.1",
  port: 7001,
  version: "1",
  zone: "",
  weight: 1,
});

test("a watcher hears of the endpoints and of each change, never before watch returns", async () => {
  const discovery = staticDiscovery({ catalog: [endpoint("b"), endpoint("a")] });
  const seen: string[][] = [];
  const watch = discovery.watch("catalog", (endpoints) => seen.push(endpoints.map(({ id }) => id)));
  expect(seen).toEqual([]);
  await Promise.resolve();
  expect(seen).toEqual([["a", "b"]]);
  discovery.update({ catalog: [endpoint("a"), endpoint("b")] });
  discovery.update({ catalog: [endpoint("a")] });
  watch.close();
  discovery.update({ catalog: [endpoint("c")] });
  expect(seen).toEqual([["a", "b"], ["a"]]);
});

test("a change before the first call is told once, in its latest state", async () => {
  const discovery = staticDiscovery({ catalog: [endpoint("a")] });
  const seen: string[][] = [];
  discovery.watch("catalog", (endpoints) => seen.push(endpoints.map(({ id }) => id)));
  discovery.update({ catalog: [endpoint("b")] });
  await Promise.resolve();
  expect(seen).toEqual([["b"]]);
});

test("a service that was not named has no endpoints", async () => {
  const seen: (readonly EndpointInfo[])[] = [];
  staticDiscovery().watch("nobody", (endpoints) => seen.push(endpoints));
  await Promise.resolve();
  expect(seen).toEqual([[]]);
});
