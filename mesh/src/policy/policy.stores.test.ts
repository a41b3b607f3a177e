import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { pino } from "pino";
import { afterEach, expect, test } from "vitest";
import { backing, until } from "../../testing/index.ts";
import { newId } from "../ids.ts";
import { consulPolicies, policyKey } from "./consul-policies.ts";
import type { PolicyState } from "./policy-source.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** What a caller of a service of its own knows of the policy, and when it heard of it. */
function caller(url = backing().consulUrl) {
  const service = newId("svc");
  const seen: { state: PolicyState; atMs: number }[] = [];
  const policies = consulPolicies({ url, log: pino({ level: "silent" }) });
  cleanups.push(policies.watch(service, (state) => seen.push({ state, atMs: performance.now() })).close);
  return { seen, latest: () => seen.at(-1)?.state, ...storeOf(service) };
}

/** Where the policy of a service lies; it is gone after the test. */
function storeOf(service: string) {
  const key = `${backing().consulUrl}/v1/kv/${policyKey(service)}`;
  cleanups.push(() => fetch(key, { method: "DELETE" }));
  return {
    put: (policy: unknown) => fetch(key, { method: "PUT", body: JSON.stringify(policy) }),
    putText: (body: string) => fetch(key, { method: "PUT", body }),
    remove: () => fetch(key, { method: "DELETE" }),
  };
}

const share = (percent: number) => ({ routing: { split: [{ version: "2", percent }] } });

test("a policy is followed within a second of its change, and the defaults when it is deleted", async () => {
  const { seen, latest, put, remove } = caller();
  await until(() => latest());
  expect(latest()).toEqual({ policy: undefined, refused: undefined });
  for (const change of [() => put(share(100)), () => put({ retryBudget: { ratio: 0.1 } }), () => remove()]) {
    const known = seen.length;
    const changedAtMs = performance.now();
    await change();
    await until(() => seen.length > known);
    expect(seen.at(-1)!.atMs - changedAtMs).toBeLessThan(1_000);
  }
  expect(latest()?.policy).toBeUndefined();
});

/** One after the other in Consul, with the place that has to be named. */
const nonsense: readonly [text: string, problem: string][] = [
  ['{"balance":{"warningWeight":-1}}', "balance.warning_weight"],
  ['{"balance":{"algorithm":"LUCKY"}}', "balance.algorithm"],
  ['{"methods":[{"method":"a.B/C","timeout":"0s"}]}', "methods[0].timeout"],
  [
    '{"methods":[{"method":"antiphon.mesh.v1.EchoService/EchoOnce","retry":{"attempts":2}}]}',
    "methods[0].retry.attempts",
  ],
  ['{"routing":{"spilt":[]}}', "routing.spilt: is unknown"],
  ['{"mirror":{"percent":"many","version":"2"}}', "mirror.percent"],
  [`{"mirror":{"percent":1,"version":"${"x".repeat(101)}"}}`, "mirror.version"],
  ['{"routing":', "is not JSON"],
  ["<h1>policy</h1>", "is not JSON"],
  ["", "is not JSON"],
];

test("whatever nonsense is stored, its field is named, and the last good policy stays", async () => {
  const { latest, put, putText } = caller();
  await put(share(100));
  await until(() => latest()?.policy);
  const good = latest()?.policy;
  for (const [text, problem] of nonsense) {
    await putText(text);
    await until(() => latest()?.refused?.includes(problem), { what: problem });
    expect(latest()?.policy).toBe(good);
  }
  await put(share(100));
  await until(() => !latest()?.refused);
});

test("while Consul is away the last good policy stays, and afterwards it is followed again", async () => {
  const { url, stop, start } = await wayToConsul();
  const { seen, latest, put } = caller(url);
  await put(share(100));
  await until(() => latest()?.policy);
  // Before it was stored there was none, which the caller may have heard.
  const followed = seen.length - 1;
  await stop();
  await put({ retryBudget: { ratio: 0.5 } });
  await start();
  await until(() => latest()?.policy?.retryBudget);
  expect(seen.slice(followed).some(({ state }) => state.policy === undefined)).toBe(false);
});

/** A way to Consul that can be cut. */
async function wayToConsul() {
  const { hostname, port } = new URL(backing().consulUrl);
  const sockets = new Set<Socket>();
  const proxy = createServer((inward) => {
    const outward = connect(Number(port), hostname);
    for (const socket of [inward, outward]) {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => [inward, outward].forEach((end) => void end.destroy()));
    }
    inward.pipe(outward).pipe(inward);
  });
  await listen(proxy, 0);
  const at = (proxy.address() as AddressInfo).port;
  const stop = async () => {
    const closed = new Promise((resolve) => proxy.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  cleanups.push(stop);
  return { url: `http://127.0.0.1:${at}`, stop, start: () => listen(proxy, at) };
}

async function listen(server: Server, port: number): Promise<void> {
  await once(server.listen(port, "127.0.0.1"), "listening");
}
