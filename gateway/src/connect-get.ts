import { createHash } from "node:crypto";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { matches } from "./etag.ts";
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

/**
 * An answer that browsers may keep gets an ETag over its bytes as they are sent, and so over codec and
 * compression; whoever has these bytes already gets 304.
 */
export async function withEtag(
  answer: UniversalServerResponse,
  ifNoneMatch: string | undefined,
): Promise<UniversalServerResponse> {
  if (answer.status !== 200 || !answer.header?.has("cache-control") || !answer.body) return answer;
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const etag = createHash("sha256").update(body).digest("base64url").slice(0, 22);
  answer.header.set("etag", `"${etag}"`);
  if (!matches(ifNoneMatch, etag)) return { ...answer, body: once(body) };
  answer.header.delete("content-length");
  return { status: 304, header: answer.header };
}

async function* once(body: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield body;
}
