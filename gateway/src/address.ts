import { createContextKey } from "@connectrpc/connect";
import type { NodeRequest } from "./front.ts";

/** Where a translated call comes from. */
export const addressKey = createContextKey("");

/**
 * The address that a request comes from. Behind a proxy that adds to `X-Forwarded-For` it is what the
 * proxy itself saw, the last entry: the others are whatever the client made up.
 */
export function addressOf({ headers, socket }: NodeRequest, behindProxy: boolean): string {
  const direct = socket.remoteAddress ?? "";
  const forwarded = headers["x-forwarded-for"];
  if (!behindProxy || typeof forwarded !== "string") return direct;
  return forwarded.slice(forwarded.lastIndexOf(",") + 1).trim() || direct;
}
