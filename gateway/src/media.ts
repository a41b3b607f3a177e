import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { verifyMediaPath } from "@antiphon/mesh";
import type { MediaService, StatObjectResponse } from "@antiphon/proto/antiphon/media/v1/media";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { LRUCache } from "lru-cache";
import { parseRange, type Range } from "./byte-range.ts";
import { matches } from "./etag.ts";
import type { NodeRequest, NodeResponse } from "./front.ts";
import type { RequestTarget } from "./target.ts";

/** How long browsers keep an object: it is addressed by its content and never changes. */
const ONE_YEAR_S = 31_536_000;

interface Deps {
  /** The owners of objects, by the name in the path. */
  readonly owners: ReadonlyMap<string, Client<typeof MediaService>>;
  readonly mediaKey: string;
  readonly now: () => number;
}

/**
 * Serves `/media/<service>/<object>` with Range, ETag and immutable caching. Objects that are not
 * public need a signed URL that has not expired: 403 otherwise.
 */
export function mediaRoute({ owners, mediaKey, now }: Deps) {
  const stats = new LRUCache<string, StatObjectResponse>({ max: 10_000, ttl: 3_600_000 });

  const stat = async (
    owner: Client<typeof MediaService>,
    path: string,
    objectId: string,
    signal: AbortSignal,
  ) => {
    const known = stats.get(path);
    if (known) return known;
    const found = await owner.statObject({ objectId }, { signal });
    stats.set(path, found);
    return found;
  };

  return async (request: NodeRequest, response: NodeResponse, target: RequestTarget): Promise<void> => {
    const [, , service = "", objectId = ""] = target.pathname.split("/");
    const owner = owners.get(service);
    if (!owner) return refuse(response, 404, `no service named ${JSON.stringify(service)} serves media`);
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      return refuse(response, 405, "only GET and HEAD");
    }
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    try {
      const signature = verifyMediaPath(mediaKey, target.pathname, target.searchParams, now());
      // What was signed and then altered is refused before anybody learns whether the object exists.
      if (signature !== "ok" && target.searchParams.has("s")) return refuseSignature(response, signature);
      const object = await stat(owner, target.pathname, objectId, gone.signal);
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
      await send(request, response, range ?? { start: 0, end: size - 1 }, size, range !== undefined, () =>
        owner.readObject(
          {
            objectId,
            offset: BigInt(range?.start ?? 0),
            length: BigInt(range ? range.end - range.start + 1 : 0),
          },
          { signal: gone.signal },
        ),
      );
    } catch (error) {
      fail(response, error);
    }
  };
}

async function send(
  request: NodeRequest,
  response: NodeResponse,
  { start, end }: Range,
  size: number,
  partial: boolean,
  open: () => AsyncIterable<{ chunk: Uint8Array }>,
): Promise<void> {
  response.setHeader("content-length", end - start + 1);
  if (partial) response.setHeader("content-range", `bytes ${start}-${end}/${size}`);
  response.statusCode = partial ? 206 : 200;
  if (request.method === "HEAD" || size === 0) {
    response.end();
    return;
  }
  const chunks = async function* () {
    for await (const { chunk } of open()) yield chunk;
  };
  await pipeline(Readable.from(chunks(), { objectMode: false, highWaterMark: 256 * 1024 }), response);
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

function fail(response: NodeResponse, error: unknown): void {
  // The listener went away, or the answer had begun: all that is left is to cut it.
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const { code, rawMessage } = ConnectError.from(error);
  if (code === Code.NotFound) refuse(response, 404, rawMessage);
  else if (code === Code.InvalidArgument) refuse(response, 400, rawMessage);
  else {
    response.setHeader("retry-after", "1");
    refuse(response, 503, "this object cannot be read at the moment");
  }
}
