import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { verifyMediaPath } from "@antiphon/mesh";
import type { MediaService, StatObjectResponse } from "@antiphon/proto/antiphon/media/v1/media";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { LRUCache } from "lru-cache";
import { breakerPage, isNavigation } from "./breaker-page.ts";
import { parseRange, type Range } from "./byte-range.ts";
import { matches } from "./etag.ts";
import type { NodeRequest, NodeResponse } from "./front.ts";
import { BLOCK_BYTES, type CachedObject, type ObjectCache } from "./object-cache.ts";
import type { RequestTarget } from "./target.ts";

/** How long browsers keep an object: it is addressed by its content and never changes. */
const ONE_YEAR_S = 31_536_000;

interface Deps {
  /** The owners of objects, by the name in the path. */
  readonly owners: ReadonlyMap<string, Client<typeof MediaService>>;
  readonly cache: ObjectCache;
  readonly mediaKey: string;
  readonly now: () => number;
}

/**
 * Serves `/media/<service>/<object>` with Range, ETag and immutable caching. Objects that are not
 * public need a signed URL that has not expired: 403 otherwise.
 */
export function mediaRoute({ owners, cache, mediaKey, now }: Deps) {
  // Requests for the same object share one question; none is remembered that failed.
  const stats = new LRUCache<string, StatObjectResponse, () => Promise<StatObjectResponse>>({
    max: 10_000,
    ttl: 3_600_000,
    fetchMethod: (_path, _stale, { context }) => context(),
    ignoreFetchAbort: true,
  });

  return async (request: NodeRequest, response: NodeResponse, target: RequestTarget): Promise<void> => {
    const [, , service = "", objectId = ""] = target.pathname.split("/");
    const owner = owners.get(service);
    if (!owner) return refuse(response, 404, `no service named ${JSON.stringify(service)} serves media`);
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      return refuse(response, 405, "only GET and HEAD");
    }
    try {
      const signature = verifyMediaPath(mediaKey, target.pathname, target.searchParams, now());
      // What was signed and then altered is refused before anybody learns whether the object exists.
      if (signature !== "ok" && target.searchParams.has("s")) return refuseSignature(response, signature);
      const context = () => owner.statObject({ objectId });
      const object = await stats.forceFetch(target.pathname, { context });
      if (!object.public && signature !== "ok") return refuseSignature(response, signature);
      response.setHeader("accept-ranges", "bytes");
      response.setHeader("etag", `"${object.etag}"`);
      response.setHeader(
        "cache-control",
        `${object.public ? "public" : "private"}, max-age=${ONE_YEAR_S}, immutable`,
      );
      if (matches(request.headers["if-none-match"], object.etag)) {
        response.statusCode = 304;
        response.end();
        return;
      }
      const size = Number(object.sizeBytes);
      const range = rangeOf(request, object.etag, size);
      if (range === "unsatisfiable") {
        response.setHeader("content-range", `bytes */${size}`);
        return refuse(response, 416, `the object has ${size} bytes`);
      }
      response.setHeader("content-type", object.contentType);
      const fetch = (part: Range) => readPart(owner, objectId, part);
      await send(request, response, { key: target.pathname, size, fetch }, range, cache);
    } catch (error) {
      fail(request, response, error);
    }
  };
}

async function send(
  request: NodeRequest,
  response: NodeResponse,
  object: CachedObject,
  range: Range | undefined,
  cache: ObjectCache,
): Promise<void> {
  const { size } = object;
  const { start, end } = range ?? { start: 0, end: size - 1 };
  response.setHeader("content-length", end - start + 1);
  if (range) response.setHeader("content-range", `bytes ${start}-${end}/${size}`);
  response.statusCode = range ? 206 : 200;
  if (request.method === "HEAD" || size === 0) {
    response.end();
    return;
  }
  const chunks = cache.read(object, { start, end });
  // The first one before the status is sent: what cannot be read is 503, not an answer that is cut off.
  const { value: first } = await chunks.next();
  if (!first || response.destroyed) return;
  if (first.length === end - start + 1) {
    response.end(first);
    return;
  }
  const all = Readable.from(startingWith(first, chunks), { objectMode: false, highWaterMark: BLOCK_BYTES });
  await pipeline(all, response);
}

async function* startingWith(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

async function readPart(
  owner: Client<typeof MediaService>,
  objectId: string,
  { start, end }: Range,
): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(end - start + 1);
  let read = 0;
  const request = { objectId, offset: BigInt(start), length: BigInt(bytes.length) };
  for await (const { chunk } of owner.readObject(request)) {
    bytes.set(chunk.subarray(0, bytes.length - read), read);
    read += chunk.length;
  }
  return bytes.subarray(0, read);
}

function rangeOf(request: NodeRequest, etag: string, size: number): Range | "unsatisfiable" | undefined {
  const ifRange = request.headers["if-range"];
  if (ifRange !== undefined && ifRange !== `"${etag}"`) return undefined;
  return parseRange(request.headers.range, size);
}

function refuseSignature(response: NodeResponse, verdict: "expired" | "bad_signature"): void {
  refuse(response, 403, verdict === "expired" ? "this URL has expired" : "this URL is not signed");
}

function refuse(response: NodeResponse, status: number, reason: string): void {
  response.statusCode = status;
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.setHeader("cache-control", "no-store");
  response.removeHeader("etag");
  response.end(`${reason}\n`);
}

function fail(request: NodeRequest, response: NodeResponse, error: unknown): void {
  // The listener went away, or the answer had begun: all that is left is to cut it.
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const { code, rawMessage } = ConnectError.from(error);
  if (code === Code.NotFound) refuse(response, 404, rawMessage);
  else if (code === Code.InvalidArgument) refuse(response, 400, rawMessage);
  else if (isNavigation(request)) breakerPage(response);
  else {
    response.setHeader("retry-after", "1");
    refuse(response, 503, "this object cannot be read at the moment");
  }
}
