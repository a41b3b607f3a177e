import { createHmac, timingSafeEqual } from "node:crypto";

function signature(key: string, path: string, expires: string): Buffer {
  return createHmac("sha256", key).update(`${path}\n${expires}`).digest();
}

/**
 * A path that may be fetched until `expiresAtMs` (rounded up to a second) by whoever has it:
 * `/media/player/<object>?e=<epoch seconds>&s=<base64url HMAC-SHA-256>`.
 */
export function signMediaPath(key: string, path: string, expiresAtMs: number): string {
  const expires = String(Math.ceil(expiresAtMs / 1000));
  return `${path}?e=${expires}&s=${signature(key, path, expires).toString("base64url")}`;
}

/** Judges a signed path. An altered expiry is a bad signature, never "expired". */
export function verifyMediaPath(
  key: string,
  path: string,
  query: URLSearchParams,
  nowMs: number,
): "ok" | "expired" | "bad_signature" {
  const expires = query.get("e") ?? "";
  const given = Buffer.from(query.get("s") ?? "", "base64url");
  const wanted = signature(key, path, expires);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return "bad_signature";
  return nowMs < Number(expires) * 1000 ? "ok" : "expired";
}
