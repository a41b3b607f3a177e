import { createHash } from "node:crypto";
import type { ListenerIdentity } from "@antiphon/mesh";
import { Access } from "@antiphon/proto/antiphon/options/v1/options";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { Route } from "./contracts/routes.ts";
import { matches } from "./etag.ts";
import type { NodeRequest } from "./front.ts";
import type { KeptAnswer } from "./get-cache.ts";
import type { RequestTarget } from "./target.ts";

/** Why a GET is no call of Connect, or undefined where it may be one. */
export function faultOfGet({ searchParams }: RequestTarget): string | undefined {
  if (searchParams.get("connect") !== "v1") return "connect: must be v1";
  const message = searchParams.get("message");
  if (message === null) return "message: is missing";
  if (searchParams.get("base64") === "1" && !/^[\w+/-]*={0,2}$/.test(message))
    return "message: is not base64";
  return undefined;
}

/** What a contract says of answers that may be kept. */
export interface CachePolicy {
  readonly maxAgeMs: number;
  /** The same for everybody: calls are made in nobody's name. */
  readonly isPublic: boolean;
}

/** Undefined where answers must not be kept. */
export function cachePolicyOf({ semantics }: Route): CachePolicy | undefined {
  const { cacheMaxAge, access } = semantics;
  return cacheMaxAge && { maxAgeMs: durationMs(cacheMaxAge), isPublic: access === Access.PUBLIC };
}

/** Request headers that reach services, or decide on the bytes of an answer. */
const VARYING = ["accept-encoding", "accept-language"] as const;

/** The headers that an answer depends on, beside its compression: for `Vary`. */
export function varyOf({ isPublic }: CachePolicy): string {
  return isPublic ? "accept-language" : "accept-language, cookie, authorization";
}

/** What tells an answer from all others: call, message, codec, compression, language, and for whom it is. */
export function cacheKey(
  { headers }: NodeRequest,
  { pathname, searchParams }: RequestTarget,
  listener: ListenerIdentity | undefined,
): string {
  const parameters = ["encoding", "base64", "compression", "message"].map((name) => searchParams.get(name));
  const varying = VARYING.map((name) => headers[name]);
  return JSON.stringify([pathname, parameters, varying, listener?.id, listener?.operator]);
}

/** Takes an answer in whole, with an ETag over its bytes as they are sent: over codec and compression, too. */
export async function keep(
  { status, header = new Headers(), body }: UniversalServerResponse,
  { maxAgeMs, isPublic }: CachePolicy,
  nowMs: number,
): Promise<KeptAnswer> {
  const bytes = Buffer.concat(await Array.fromAsync(body ?? []));
  if (status === 200) {
    header.set("cache-control", `${isPublic ? "public" : "private"}, max-age=${Math.floor(maxAgeMs / 1000)}`);
    header.set("etag", `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`);
  }
  return { status, header, body: bytes, madeAtMs: nowMs };
}

/** The answer for one who asks: whoever has these bytes already gets 304. */
export function answerFrom(
  { status, header, body, madeAtMs }: KeptAnswer,
  ifNoneMatch: string | undefined,
  nowMs: number,
): UniversalServerResponse {
  const own = new Headers(header);
  if (status !== 200) return { status, header: own, body: once(body) };
  own.set("age", String(Math.floor((nowMs - madeAtMs) / 1000)));
  if (!matches(ifNoneMatch, own.get("etag")?.slice(1, -1) ?? "")) {
    return { status, header: own, body: once(body) };
  }
  own.delete("content-length");
  return { status: 304, header: own };
}

async function* once(body: Buffer): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield body as Uint8Array<ArrayBuffer>;
}
