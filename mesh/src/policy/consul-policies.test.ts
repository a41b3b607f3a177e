import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../../testing/until.ts";
import { consulPolicies } from "./consul-policies.ts";
import type { PolicyState } from "./policy-source.ts";

/** A Consul whose answers are those of the test. */
async function fakeConsul() {
  const consul = { answer: { status: 404, index: 1, body: "" }, asked: 0, url: "" };
  const held = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    consul.asked++;
    const asked = Number(new URL(request.url ?? "", "http://consul").searchParams.get("index") ?? 0);
    if (asked === consul.answer.index) held.add(response);
    else respond(response);
  }).listen(0, "127.0.0.1");
  const respond = (response: ServerResponse) => {
    const { status, index, body } = consul.answer;
    response.writeHead(status, { "x-consul-index": index }).end(body);
  };
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  consul.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const set = (status: number, index: number, body = "") => {
    consul.answer = { status, index, body };
    for (const response of held) respond(response);
    held.clear();
  };
  return { consul, set };
}

function follow(url: string) {
  const states: PolicyState[] = [];
  const { close } = consulPolicies({ url, timeoutMs: 300 }).watch("echo", (state) => states.push(state));
  onTestFinished(close);
  return states;
}

const POLICY = '{"retryBudget":{"ratio":0.1}}';

test("whatever Consul answers that is no policy, the last good one stays", async () => {
  const { consul, set } = await fakeConsul();
  set(200, 5, POLICY);
  const states = follow(consul.url);
  await until(() => states.length === 1);
  for (const [status, body] of [
    [500, ""],
    [200, "<html>"],
    [400, "what?"],
    [403, "no"],
  ] as const) {
    const { asked } = consul;
    set(status, 9, body);
    await until(() => consul.asked > asked);
  }
  expect(states.every(({ policy }) => policy?.retryBudget?.ratio === 0.1)).toBe(true);
});

test("a policy that was deleted ends, one that a new Consul has never heard of stays", async () => {
  const { consul, set } = await fakeConsul();
  set(200, 50, POLICY);
  const states = follow(consul.url);
  await until(() => states.length === 1);
  set(404, 3);
  const { asked } = consul;
  await until(() => consul.asked > asked + 1);
  expect(states).toHaveLength(1);
  set(200, 4, '{"retryBudget":{"ratio":0.3}}');
  await until(() => states.at(-1)?.policy?.retryBudget?.ratio === 0.3);
  set(404, 5);
  await until(() => states.at(-1)?.policy === undefined);
});

test("one query a service, however many follow it", async () => {
  const { consul, set } = await fakeConsul();
  set(200, 5, POLICY);
  const policies = consulPolicies({ url: consul.url });
  const states: PolicyState[] = [];
  const first = policies.watch("echo", (state) => states.push(state));
  const second = policies.watch("echo", (state) => states.push(state));
  await until(() => states.length === 2);
  await until(() => consul.asked === 2);
  first.close();
  second.close();
});
