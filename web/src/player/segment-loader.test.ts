import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Playback, Rendition } from "./playback.ts";
import { type LoadContext, SegmentLoader } from "./segment-loader.ts";
import { ThroughputEstimator } from "./throughput.ts";

const rendition = (bitrateKbps: number): Rendition => ({
  id: `ren_${bitrateKbps}`,
  bitrateKbps,
  mimeType: "opus",
  url: `/${bitrateKbps}`,
  init: { offset: 0, length: 10 },
  segments: [
    { offset: 10, length: 20 },
    { offset: 30, length: 20 },
  ],
});
const playback = (change: Partial<Playback> = {}): Playback => ({
  id: "pb",
  trackId: "trk",
  renditions: [rendition(24), rendition(256)],
  boundariesS: [0, 2, 4],
  durationS: 4,
  primingS: 0,
  gainDb: 0,
  first: undefined,
  ladderGrows: false,
  ...change,
});

const signal = new AbortController().signal;
let context: LoadContext;
let trouble: boolean[];
/** What was asked for: the URL, the range, and how caches were to be used. */
let asked: string[];
let status: (url: string) => number;

beforeEach(() => {
  vi.useFakeTimers();
  [asked, trouble, status] = [[], [], () => 206];
  context = {
    bufferS: () => 5,
    bufferTargetS: 30,
    starting: false,
    fixedKbps: undefined,
    refresh: async () => {
      throw new Error("not expected");
    },
    onTrouble: (failing) => trouble.push(failing),
  };
  vi.stubGlobal("fetch", async (url: string, init: { headers: { Range: string }; cache: string }) => {
    const range = init.headers.Range.slice("bytes=".length);
    asked.push(`${url} ${range}${init.cache === "default" ? "" : ` ${init.cache}`}`);
    const [first = 0, last = 0] = range.split("-").map(Number);
    return new Response(new Uint8Array(last - first + 1), { status: status(url) });
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const loaderAt = (kbps: number) => new SegmentLoader(new ThroughputEstimator(kbps));

describe("loading a segment", () => {
  it("asks for the first one with its init in one request, and for the init never again, in any quality", async () => {
    const loader = loaderAt(10);
    await loader.load(playback(), 0, context, signal);
    await loader.load(playback(), 1, { ...context, fixedKbps: 256 }, signal);
    expect(asked).toEqual(["/24 0-29", "/256 30-49"]);
  });

  it("takes the first one from the answer of StartPlayback while silence waits for it", async () => {
    const bytes = new Uint8Array(0);
    const first = { rendition: rendition(24), init: bytes, media: bytes };
    const loader = loaderAt(6_000);
    expect(await loader.load(playback({ first }), 0, { ...context, starting: true }, signal)).toBe(first);
    expect(asked).toEqual([]);
    await loader.load(playback({ first }), 0, context, signal);
    expect(asked).toHaveLength(1);
  });

  it("leaves the browser's cache alone while silence waits", async () => {
    const loader = loaderAt(10);
    await loader.load(playback(), 1, { ...context, starting: true }, signal);
    await loader.load(playback(), 1, context, signal);
    expect(asked).toEqual(["/24 0-9 no-store", "/24 30-49 no-store", "/24 30-49"]);
  });

  it("keeps to the quality that the listener chose, whatever the line", async () => {
    for (const kbps of [10, 6_000]) {
      await loaderAt(kbps).load(playback(), 0, { ...context, fixedKbps: 256 }, signal);
      await loaderAt(kbps).load(playback(), 0, { ...context, fixedKbps: 100 }, signal);
    }
    expect(asked.map((each) => each.split(" ")[0])).toEqual(["/256", "/24", "/256", "/24"]);
  });

  it("asks for a new playback when the server refuses its URL, whatever the clock of this machine says", async () => {
    status = (url) => (url.startsWith("/new") ? 206 : 403);
    const renditions = playback().renditions.map((each) => ({ ...each, url: `/new${each.url}` }));
    const refresh = vi.fn(async () => playback({ renditions }));
    await loaderAt(10).load(playback(), 1, { ...context, refresh }, signal);
    expect(refresh).toHaveBeenCalledOnce();
    expect(asked.at(-1)).toBe("/new/24 30-49");
  });

  it("gives up when fresh URLs are refused as well", async () => {
    status = () => 404;
    const refresh = async () => playback();
    const loading = loaderAt(10).load(playback(), 1, { ...context, refresh }, signal);
    await expect(loading).rejects.toMatchObject({ status: 404 });
  });

  it("tries again for as long as a server is in trouble, and says so", async () => {
    let answers = 0;
    status = () => (++answers > 6 ? 206 : 503);
    const loading = loaderAt(10).load(playback(), 0, context, signal);
    await vi.advanceTimersByTimeAsync(60_000);
    await loading;
    expect(trouble).toEqual([true, true, true, true, true, true, false]);
  });

  it("gets in another quality what the browser could not decode, and past all caches where there is none", async () => {
    const loader = loaderAt(6_000);
    loader.distrust(rendition(256));
    await loader.load(playback(), 0, context, signal);
    loader.distrust(rendition(24));
    await loader.load(playback(), 0, context, signal);
    expect(asked).toEqual(["/24 0-29", "/256 0-29 reload"]);
  });

  it("trusts a quality again after a minute, past all caches, and each time it fails anew after twice as long", async () => {
    const loader = loaderAt(6_000);
    const urlAfter = async (ms: number) => {
      vi.advanceTimersByTime(ms);
      await loader.load(playback(), 1, context, signal);
      return asked.at(-1);
    };
    for (const pauseMs of [60_000, 120_000]) {
      loader.distrust(rendition(256));
      expect(await urlAfter(pauseMs - 1)).toBe("/24 30-49");
      expect(await urlAfter(1)).toBe("/256 30-49 reload");
    }
  });

  it("counts a quality that is told of twice for the same failure once", async () => {
    const loader = loaderAt(6_000);
    loader.distrust(rendition(256));
    loader.distrust(rendition(256));
    vi.advanceTimersByTime(60_000);
    await loader.load(playback(), 0, context, signal);
    expect(asked).toEqual(["/256 0-29 reload"]);
  });
});
