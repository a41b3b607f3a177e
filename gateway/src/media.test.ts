import { signMediaPath } from "@antiphon/mesh";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MEDIA_KEY, OBJECT, startEdge, stopEdge, type TestEdge } from "../testing/edge.ts";

let edge: TestEdge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => stopEdge(edge));

const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  fetch(`${edge.url}${path}`, { method, headers });
const signed = (expiresInMs = 60_000) =>
  signMediaPath(MEDIA_KEY, "/media/player/ren_1.mp4", Date.now() + expiresInMs);

describe("a signed URL", () => {
  test("gives the whole object, to be kept for ever", async () => {
    const answer = await get(signed());
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("audio/mp4");
    expect(answer.headers.get("cache-control")).toContain("immutable");
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(OBJECT);
  });

  test("gives a range of it", async () => {
    const answer = await get(signed(), { range: "bytes=150-349" });
    expect(answer.status).toBe(206);
    expect(answer.headers.get("content-range")).toBe("bytes 150-349/1000");
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(OBJECT.subarray(150, 350));
  });

  test("answers 416 with the size for a range that is not there", async () => {
    const answer = await get(signed(), { range: "bytes=1000-" });
    expect(answer.status).toBe(416);
    expect(answer.headers.get("content-range")).toBe("bytes */1000");
  });

  test("answers 304 for what the browser has", async () => {
    const etag = (await get(signed())).headers.get("etag") ?? "";
    expect((await get(signed(), { "if-none-match": etag })).status).toBe(304);
  });

  test("ignores a range of a version that the browser does not have", async () => {
    expect((await get(signed(), { range: "bytes=0-9", "if-range": '"other"' })).status).toBe(200);
  });

  test("tells the size on HEAD", async () => {
    const answer = await get(signed(), {}, "HEAD");
    expect(answer.headers.get("content-length")).toBe("1000");
  });

  test.each([
    ["expired", () => signed(-1000)],
    ["altered", () => signed().replace("ren_1", "ren_2")],
    ["altered to name nothing", () => signed().replace("ren_1.mp4", "gone")],
    ["not signed", () => "/media/player/ren_1.mp4"],
    ["prolonged", () => signed().replace(/e=\d+/, "e=99999999999")],
    ["of nonsense", () => "/media/player/ren_1.mp4?e=x&s=%00"],
  ])("that is %s is 403", async (_what, path) => {
    expect((await get(path())).status).toBe(403);
  });
});

test("a public object needs no signature", async () => {
  const answer = await get("/media/player/cov_1");
  expect(answer.status).toBe(200);
  expect(answer.headers.get("cache-control")).toMatch(/^public/);
});

test.each([
  ["an object that is not there", "/media/player/gone", 404],
  ["a service without media", "/media/identity/cov_1", 404],
  ["no object", "/media/", 404],
])("%s is %i", async (_what, path, status) => {
  expect((await get(path)).status).toBe(status);
});

test("only reading is allowed", async () => {
  const answer = await get(signed(), {}, "POST");
  expect(answer.status).toBe(405);
  expect(answer.headers.get("allow")).toBe("GET, HEAD");
});

test("an object is read from its owner once, however many ask for parts of it", async () => {
  const path = signMediaPath(MEDIA_KEY, "/media/player/ren_shared.mp4", Date.now() + 60_000);
  const before = { ...edge.asked };
  const ranges = ["bytes=0-99", "bytes=100-199", "bytes=0-999", "bytes=-1"];
  const answers = await Promise.all(ranges.map((range) => get(path, { range })));
  expect(answers.map(({ status }) => status)).toEqual([206, 206, 206, 206]);
  expect(Buffer.from(await answers[1]!.arrayBuffer())).toEqual(OBJECT.subarray(100, 200));
  expect(edge.asked.stat - before.stat).toBe(1);
  expect(edge.asked.read - before.read).toBe(1);
});

test("what is in memory needs a signature like everything else", async () => {
  const path = signMediaPath(MEDIA_KEY, "/media/player/ren_shared.mp4", Date.now() + 60_000);
  expect((await get(path)).status).toBe(200);
  expect((await get("/media/player/ren_shared.mp4")).status).toBe(403);
});
