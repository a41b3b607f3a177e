import { afterEach, describe, expect, it, vi } from "vitest";
import { fetchRange, MediaFetchError } from "./fetch-range.ts";

const signal = new AbortController().signal;
const file = Uint8Array.from({ length: 100 }, (_, i) => i);
const answer = (body: Uint8Array<ArrayBuffer>, status: number) =>
  vi.stubGlobal(
    "fetch",
    vi.fn(async () => new Response(body, { status })),
  );

afterEach(() => vi.unstubAllGlobals());

describe("fetching a range", () => {
  it("asks for exactly its bytes, and gives them", async () => {
    answer(file.slice(10, 30), 206);
    const bytes = await fetchRange("/media/x", { offset: 10, length: 20 }, { signal });
    expect([...bytes]).toEqual([...file.slice(10, 30)]);
    expect(fetch).toHaveBeenCalledWith("/media/x", {
      headers: { Range: "bytes=10-29" },
      signal,
      cache: "default",
    });
  });

  it("cuts the range out of a whole file, from a server that knows no ranges", async () => {
    answer(file, 200);
    const bytes = await fetchRange("/media/x", { offset: 10, length: 20 }, { signal });
    expect([...bytes]).toEqual([...file.slice(10, 30)]);
  });

  it("tells stale URLs from servers in trouble", async () => {
    answer(new Uint8Array(0), 403);
    await expect(fetchRange("/x", { offset: 0, length: 1 }, { signal })).rejects.toMatchObject({
      urlIsStale: true,
    });
    answer(new Uint8Array(0), 503);
    const error = await fetchRange("/x", { offset: 0, length: 1 }, { signal }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(MediaFetchError);
    expect(error).toMatchObject({ status: 503, urlIsStale: false });
  });

  it("rejects an answer that ends too early", async () => {
    answer(file.slice(0, 5), 206);
    await expect(fetchRange("/x", { offset: 0, length: 20 }, { signal })).rejects.toThrow(
      "ended within a segment",
    );
  });
});
