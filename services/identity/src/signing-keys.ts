import type { JWK } from "jose";
import { ACCESS_TTL_MS } from "./sessions.ts";

/** How long a key signs before the next one takes over. */
export const KEY_LIFETIME_MS = 30 * 24 * 60 * 60 * 1000;
/** How long a key is served before it signs, so that everybody who keeps the set knows it by then. */
export const SERVED_AHEAD_MS = 10 * 60 * 1000;
/** How far clocks of verifiers may be behind. */
const SKEW_MS = 60_000;

export interface SigningKey {
  readonly kid: string;
  readonly privateJwk: JWK;
  readonly signsFromMs: number;
}

/**
 * The key that signs now, of keys in the order in which they take over. The oldest signs also before its
 * time: the replica that made it may have read its clock a moment later, or have one that is ahead.
 */
export function currentKey(keys: readonly SigningKey[], nowMs: number): SigningKey | undefined {
  return keys.findLast((key) => key.signsFromMs <= nowMs) ?? keys[0];
}

/** From when a further key should sign, or `undefined` while none is due. The very first signs at once. */
export function nextKeyFrom(keys: readonly SigningKey[], nowMs: number): number | undefined {
  const youngest = keys.at(-1);
  if (!youngest) return nowMs;
  return nowMs >= youngest.signsFromMs + KEY_LIFETIME_MS ? nowMs + SERVED_AHEAD_MS : undefined;
}

/** The keys that a token may be signed with that is still valid, and those to come. */
export function servedKeys(keys: readonly SigningKey[], nowMs: number): SigningKey[] {
  return keys.filter((_, index) => {
    const successor = keys[index + 1];
    return !successor || nowMs < successor.signsFromMs + ACCESS_TTL_MS + SKEW_MS;
  });
}

/** What verifiers may know of a key. */
export function publicJwk({ kid, privateJwk }: SigningKey): JWK {
  const { kty, crv, x, y } = privateJwk;
  return { kty, crv, x, y, kid, alg: "ES256", use: "sig" } as JWK;
}
