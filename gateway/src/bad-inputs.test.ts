import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { until } from "@antiphon/mesh/testing";
import { GetTrackRequestSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GET_TRACK, post, type Target } from "../testing/bad-input.ts";
import { badInputs } from "../testing/bad-inputs.ts";
import { startEdge, stopEdge, type TestEdge, TRACK_ID } from "../testing/edge.ts";

let edge: TestEdge;
let target: Target;
beforeAll(async () => {
  edge = await startEdge();
  target = await targetOf(edge);
});
afterAll(() => stopEdge(edge));

async function targetOf({ front: { port }, token }: TestEdge): Promise<Target> {
  return { http1: port, http2: port, token: await token({ id: "lst_1", operator: false }) };
}

const bodies = {
  json: JSON.stringify({ trackId: TRACK_ID }),
  proto: toBinary(GetTrackRequestSchema, create(GetTrackRequestSchema, { trackId: TRACK_ID })),
};

function call(type: keyof typeof bodies, headers: Record<string, string> = {}): Promise<Response> {
  const body = bodies[type] as string | Uint8Array<ArrayBuffer>;
  const all = { "content-type": `application/${type}`, ...headers };
  return fetch(`${edge.url}${GET_TRACK}`, { method: "POST", headers: all, body });
}

test("there are at least 120 bad inputs, each with a name of its own", () => {
  expect(new Set(badInputs.map(({ what }) => what)).size).toBe(badInputs.length);
  expect(badInputs.length).toBeGreaterThanOrEqual(120);
});

test.each(badInputs)("$what: $answer", async ({ send, answer }) => {
  expect(await send(target)).toBe(answer);
});

describe("a header from outside", () => {
  test.each([
    "antiphon-listener",
    "antiphon-role",
    "grpc-previous-rpc-attempts",
    "x-user-id",
    "x-forwarded-for",
    "trailer-x",
    "grpc-status",
    "x-real-ip",
    "traceparent",
  ])("cannot make a service believe its %s", async (name) => {
    for (const type of ["json", "proto"] as const) {
      expect((await call(type, { [name]: "forged" })).status).toBe(200);
      expect([...(edge.seen[0]?.values() ?? [])]).not.toContain("forged");
    }
  });
});

test("all of them, again and again, leave neither connections nor memory behind", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const { send: sendHealthy } = post("a good call", "application/json", bodies.json, {}, "200");
  const own = await startEdge();
  const ownTarget = await targetOf(own);
  /** What is still held once everything has ended. */
  const held = async () => {
    expect(await sendHealthy(ownTarget)).toBe("200");
    await until(() => own.front.connections === 0);
    own.seen.length = 0;
    collect();
    return { bytes: process.memoryUsage().heapUsed, handles: process.getActiveResourcesInfo().length };
  };
  const sendAll = () => Promise.all(badInputs.map(({ send }) => send(ownTarget)));
  // What is made once: compiled code, series of metrics, keys.
  for (let round = 0; round < 2; round++) await sendAll();
  const before = await held();
  for (let round = 0; round < 3; round++) await sendAll();
  const after = await held();
  expect(after.handles).toBeLessThanOrEqual(before.handles);
  expect(after.bytes - before.bytes).toBeLessThan(4 * 1024 * 1024);
  await stopEdge(own);
}, 60_000);
