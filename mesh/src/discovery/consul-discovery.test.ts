import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, describe, expect, test } from "vitest";
import { until } from "../../testing/index.ts";
import { consulDiscovery } from "./consul-discovery.ts";
import type { EndpointInfo } from "./discovery.ts";

const cleanups: (() => void)[] = [];
afterAll(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

type Behaviour = (response: ServerResponse, index: number) => void;

/** A Consul that answers as it is told to, and remembers what it was asked. */
async function fakeConsul(first: Behaviour) {
  const asked: URL[] = [];
  const consul = { behaviour: first, asked, url: "" };
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://consul");
    asked.push(url);
    consul.behaviour(response, Number(url.searchParams.get("index") ?? 0));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    server.close();
    server.closeAllConnections();
  });
  consul.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return consul;
}

const entry = (id: string, more: object = {}) => ({
  Node: { Address: "10.0.0.1" },
  Service: { ID: id, Address: "", Port: 7001, Meta: { version: "2", zone: "a" }, ...more },
});
const answer =
  (index: number, ...ids: string[]): Behaviour =>
  (response, asked) => {
    // A blocking query is held while there is nothing newer.
    if (asked >= index) return;
    response.setHeader("X-Consul-Index", index).end(JSON.stringify(ids.map((id) => entry(id))));
  };

function watch(url: string, options: { waitMs?: number; timeoutMs?: number } = {}) {
  const discovery = consulDiscovery({ url, timeoutMs: 300, waitMs: 300, ...options });
  const seen: string[][] = [];
  const infos: EndpointInfo[] = [];
  const { close } = discovery.watch("catalog", (endpoints) => {
    infos.push(...endpoints);
    seen.push(endpoints.map(({ id }) => id));
  });
  cleanups.push(close);
  return { discovery, seen, infos, close };
}

test("endpoints carry the node's address, version, zone and weight that Consul tells", async () => {
  const consul = await fakeConsul((response) => {
    const entries = [entry("b", { Weights: { Passing: 3 } }), entry("a", { Address: "10.0.0.2" })];
    response.setHeader("X-Consul-Index", 4).end(JSON.stringify(entries));
  });
  const { infos } = watch(consul.url);
  await until(() => infos.length >= 2);
  expect(infos.slice(0, 2)).toEqual([
    { id: "a", host: "10.0.0.2", port: 7001, version: "2", zone: "a", weight: 1 },
    { id: "b", host: "10.0.0.1", port: 7001, version: "2", zone: "a", weight: 3 },
  ]);
});

test("an instance is as well as the worst of its checks; one that fails any is not told of", async () => {
  const checked = (id: string, ...statuses: string[]) => ({
    ...entry(id, { Weights: { Passing: 8, Warning: 2 } }),
    Checks: statuses.map((Status) => ({ Status })),
  });
  const consul = await fakeConsul((response) => {
    const entries = [
      checked("well", "passing", "passing"),
      checked("warned", "passing", "warning"),
      checked("ill", "passing", "critical"),
      checked("at-rest", "maintenance"),
    ];
    response.setHeader("X-Consul-Index", 4).end(JSON.stringify(entries));
  });
  const { infos } = watch(consul.url);
  await until(() => infos.length >= 2);
  expect(infos.slice(0, 2)).toMatchObject([
    { id: "warned", weight: 2, health: "warning" },
    { id: "well", weight: 8 },
  ]);
});

test("the same set is told once, whatever its order and however often Consul answers", async () => {
  let index = 0;
  const consul = await fakeConsul((response) => {
    const ids = index++ % 2 === 0 ? ["a", "b"] : ["b", "a"];
    response.setHeader("X-Consul-Index", index).end(JSON.stringify(ids.map((id) => entry(id))));
  });
  const { seen } = watch(consul.url);
  await until(() => consul.asked.length >= 5);
  expect(seen).toEqual([["a", "b"]]);
});

test("a Consul that answers at once without a change is not asked in a busy loop", async () => {
  const consul = await fakeConsul((response) => response.setHeader("X-Consul-Index", 9).end("[]"));
  watch(consul.url);
  const startedAt = performance.now();
  await until(() => consul.asked.length >= 5);
  expect(performance.now() - startedAt).toBeGreaterThan(4 * 50 - 20);
});

const nonsense: Record<string, Behaviour> = {
  "HTTP 400": (response) => response.writeHead(400).end("bad request"),
  "HTTP 500": (response) => response.writeHead(500).end("No cluster leader"),
  "a redirect": (response) => response.writeHead(302, { location: "/elsewhere" }).end(),
  "a page of HTML": (response) => response.setHeader("X-Consul-Index", 8).end("<html></html>"),
  "an object": (response) => response.setHeader("X-Consul-Index", 8).end("{}"),
  "no index": (response) => response.end("[]"),
  "entries without a port": (response) =>
    response.setHeader("X-Consul-Index", 8).end(JSON.stringify([{ Node: {}, Service: { ID: "x" } }])),
  "a body that ends early": (response) => {
    response.writeHead(200, { "X-Consul-Index": 8, "Content-Length": 100 }).write("[");
    response.destroy();
  },
  "a closed connection": (response) => response.destroy(),
  "no answer at all": () => {},
  "a body without an end": (response) => {
    response.setHeader("X-Consul-Index", 8);
    response.write("[");
  },
};
describe.concurrent.each(Object.entries(nonsense))("%s", (_, behaviour) => {
  test("keeps the last good endpoints, and Consul is asked again", async () => {
    const consul = await fakeConsul(answer(5, "a"));
    const { seen } = watch(consul.url);
    await until(() => seen.length === 1);
    const before = consul.asked.length;
    consul.behaviour = behaviour;
    await until(() => consul.asked.length > before + 2);
    expect(seen).toEqual([["a"]]);
    consul.behaviour = answer(6, "a", "b");
    await until(() => seen.length === 2);
    expect(seen[1]).toEqual(["a", "b"]);
  });
});

test("an answer without instances after a full one keeps the last good endpoints", async () => {
  const consul = await fakeConsul(answer(5, "a", "b"));
  const { seen } = watch(consul.url);
  await until(() => seen.length === 1);
  consul.behaviour = answer(6);
  await until(() => consul.asked.at(-1)?.searchParams.get("index") === "6");
  consul.behaviour = answer(7, "b");
  await until(() => seen.length === 2);
  expect(seen).toEqual([["a", "b"], ["b"]]);
});

test("a service that nobody runs has no endpoints, and its watcher is told so", async () => {
  const consul = await fakeConsul(answer(5));
  const { seen } = watch(consul.url);
  await until(() => seen.length === 1);
  expect(seen).toEqual([[]]);
});

test("one bad entry does not cost the good ones", async () => {
  const consul = await fakeConsul((response) =>
    response.setHeader("X-Consul-Index", 5).end(JSON.stringify([entry("a"), { Service: null }])),
  );
  const { seen } = watch(consul.url);
  await until(() => seen.length === 1);
  expect(seen).toEqual([["a"]]);
});

test("an index that goes backwards starts the query over, and 0 is never sent", async () => {
  let index = 100;
  const consul = await fakeConsul((response) => response.setHeader("X-Consul-Index", index).end("[]"));
  watch(consul.url);
  await until(() => consul.asked.at(-1)?.searchParams.get("index") === "100");
  index = 0;
  const asked = () => consul.asked.map((url) => url.searchParams.get("index"));
  await until(() => asked().at(-1) === "1");
  expect(asked().slice(asked().lastIndexOf("100") + 1, asked().indexOf("1"))).toContain(null);
  expect(asked()).not.toContain("0");
});

test("after an error the query starts over, since another Consul may count from the beginning", async () => {
  const consul = await fakeConsul(answer(500, "a"));
  const { seen } = watch(consul.url);
  await until(() => consul.asked.at(-1)?.searchParams.get("index") === "500");
  consul.behaviour = answer(20, "b");
  await until(() => seen.length === 2);
  expect(seen).toEqual([["a"], ["b"]]);
});

test("a hundred watchers of a service cost one query", async () => {
  const consul = await fakeConsul(answer(5, "a"));
  const discovery = consulDiscovery({ url: consul.url });
  let told = 0;
  const watches = Array.from({ length: 100 }, () => discovery.watch("catalog", () => told++));
  cleanups.push(() => {
    for (const each of watches) each.close();
  });
  await until(() => told === 100 && consul.asked.length === 2);
  expect(consul.asked.map((url) => url.searchParams.get("index"))).toEqual([null, "5"]);
});

test("a closed watch hears nothing more and its query ends", async () => {
  const consul = await fakeConsul(answer(5, "a"));
  const { seen, close, discovery } = watch(consul.url);
  await until(() => seen.length === 1);
  close();
  expect(discovery.ages().size).toBe(0);
  consul.behaviour = answer(6, "a", "b");
  const again = watch(consul.url);
  await until(() => again.seen.length === 1);
  expect(seen).toEqual([["a"]]);
});
