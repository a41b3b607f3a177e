import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startEdge, stopEdge, type TestEdge, TRACK_ID } from "../testing/edge.ts";
import { getCache, type KeptAnswer } from "./get-cache.ts";

let edge: TestEdge;
beforeAll(async () => {
  edge = await startEdge({ cached: ["GetTrack", "GetMe"] });
});
afterAll(() => stopEdge(edge));
beforeEach(() => {
  edge.seen.length = 0;
});

const GET_TRACK = "/antiphon.catalog.v1.CatalogService/GetTrack";
const GET_ME = "/antiphon.identity.v1.IdentityService/GetMe";
const get = (path: string, message: object, headers: Record<string, string> = {}, encoding = "json") =>
  fetch(
    `${edge.url}${path}?connect=v1&encoding=${encoding}&message=${encodeURIComponent(JSON.stringify(message))}`,
    { headers },
  );
/** Makes its answer another one than those of other tests. */
const language = (tag: string) => ({ "accept-language": tag });
const as = async (id: string, headers = {}) => ({
  ...headers,
  authorization: `Bearer ${await edge.token({ id, operator: false })}`,
});

describe("a GET that everybody may keep", () => {
  test("is answered once by the service, and by 304 for who has it", async () => {
    const first = await get(GET_TRACK, { trackId: TRACK_ID }, language("a"));
    expect(await first.json()).toMatchObject({ track: { title: "Ode" } });
    expect(first.headers.get("cache-control")).toBe("public, max-age=60");
    expect(first.headers.get("vary")).toBe("origin, accept-encoding, accept-language");
    const etag = first.headers.get("etag") ?? "";
    const again = await get(GET_TRACK, { trackId: TRACK_ID }, language("a"));
    expect(await again.json()).toMatchObject({ track: { title: "Ode" } });
    expect(again.headers.get("age")).toBe("0");
    const unchanged = await get(
      GET_TRACK,
      { trackId: TRACK_ID },
      { ...language("a"), "if-none-match": etag },
    );
    expect(unchanged.status).toBe(304);
    expect(edge.seen).toHaveLength(1);
  });

  test("is made once for all who ask at the same time", async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => get(GET_TRACK, { trackId: TRACK_ID }, language("b"))),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(edge.seen).toHaveLength(1);
  });

  test("is another answer in another codec, compression or language, and to another message", async () => {
    const asked: [object, Record<string, string>, string?][] = [
      [{ trackId: TRACK_ID }, { ...language("c"), "accept-encoding": "identity" }],
      [{ trackId: TRACK_ID }, { ...language("c"), "accept-encoding": "gzip" }],
      [{ trackId: TRACK_ID }, { ...language("d"), "accept-encoding": "gzip" }],
      [{ trackId: TRACK_ID, "": 1 }, language("c")],
      [{}, language("c"), "proto"],
    ];
    for (const [message, headers, encoding] of asked) await get(GET_TRACK, message, headers, encoding);
    for (const [message, headers, encoding] of asked) await get(GET_TRACK, message, headers, encoding);
    // The last one is refused before a service sees it, every time.
    expect(edge.seen).toHaveLength(4);
  });

  test("is asked for in nobody's name, whoever asks", async () => {
    const answer = await get(GET_TRACK, { trackId: TRACK_ID }, await as("lst_1", language("e")));
    expect(answer.headers.get("cache-control")).toBe("public, max-age=60");
    await get(GET_TRACK, { trackId: TRACK_ID }, language("e"));
    expect(edge.seen).toHaveLength(1);
  });

  test("is not kept when it failed", async () => {
    const missing = { trackId: "trk_0000000000000000000x" };
    for (let time = 0; time < 2; time++) {
      const answer = await get(GET_TRACK, missing, language("f"));
      expect(answer.status).toBe(404);
      expect(answer.headers.get("cache-control")).toBeNull();
    }
    expect(edge.seen).toHaveLength(2);
  });
});

describe("a GET of a listener's", () => {
  test("is kept for this listener alone", async () => {
    const headers = await as("lst_1");
    const first = await get(GET_ME, {}, headers);
    expect(first.headers.get("cache-control")).toBe("private, max-age=60");
    expect(first.headers.get("vary")).toBe("origin, accept-encoding, accept-language, cookie, authorization");
    await get(GET_ME, {}, headers);
    expect(edge.seen).toHaveLength(1);
    await get(GET_ME, {}, await as("lst_2"));
    expect(edge.seen).toHaveLength(2);
  });

  test("is refused to who may not make the call, also when it is in memory", async () => {
    await get(GET_ME, {}, await as("lst_3"));
    expect((await get(GET_ME, {})).status).toBe(401);
    expect((await get(GET_ME, {}, await as("lst_3", { "sec-fetch-site": "cross-site" }))).status).toBe(401);
  });
});

test("a call whose contract says nothing of it is kept by nobody", async () => {
  const plain = await startEdge();
  try {
    const message = encodeURIComponent(JSON.stringify({ trackId: TRACK_ID }));
    const answer = await fetch(`${plain.url}${GET_TRACK}?connect=v1&encoding=json&message=${message}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBeNull();
    expect(answer.headers.get("etag")).toBeNull();
  } finally {
    await stopEdge(plain);
  }
});

describe("what is kept", () => {
  const answer = (bytes: number, status = 200): KeptAnswer => ({
    status,
    header: new Headers(),
    body: Buffer.alloc(bytes),
    madeAtMs: 0,
  });
  test("stays within its bound", async () => {
    const metrics = new Registry();
    const cache = getCache({ maxBytes: 20_000, metrics });
    let made = 0;
    for (let key = 0; key < 10; key++) {
      await cache.answer(`${key}`, 60_000, async () => {
        made++;
        return answer(4000);
      });
    }
    const bytes = (await metrics.getSingleMetric("gateway_get_cache_bytes")?.get())?.values[0]?.value;
    expect(bytes).toBeGreaterThan(4000);
    expect(bytes).toBeLessThanOrEqual(20_000);
    await cache.answer("0", 60_000, async () => answer(1));
    await cache.answer("9", 60_000, () => Promise.reject(new Error("kept")));
    expect(made).toBe(10);
  });

  test("is not what rejects", async () => {
    const cache = getCache({ maxBytes: 20_000, metrics: new Registry() });
    await expect(cache.answer("a", 60_000, () => Promise.reject(new Error("away")))).rejects.toThrow("away");
    expect((await cache.answer("a", 60_000, async () => answer(3))).body).toHaveLength(3);
  });
});
