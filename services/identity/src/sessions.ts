import { createHash, randomBytes } from "node:crypto";

/** How long an access token is valid: so long a stolen one can be used. */
export const ACCESS_TTL_MS = 10 * 60 * 1000;
/** How long a session lives without being refreshed. */
export const REFRESH_TTL_MS = 30 * 24 * 60 * 60 * 1000;
/** How long tabs that share a refresh token may race for its successor. */
export const GRACE_MS = 10_000;

/** A refresh token as the store knows it. */
export interface KnownToken {
  readonly expiresAtMs: number;
  /** When it was traded for a successor first. */
  readonly tradedAtMs: number | undefined;
  /** Whether one of its successors was traded in its turn. */
  readonly successorTraded: boolean;
  /** Whether any token of its family was seen to be a copy. */
  readonly familyReused: boolean;
}

export type Verdict = "trade" | "expired" | "reused";

/**
 * Whether a refresh token may be traded for a new session. One that was traded before may be so again
 * only within GRACE_MS and while no successor of it was used: the loser of a race between tabs. Any other
 * is a copy in somebody else's hands, and nobody can tell whose session is the copy.
 */
export function judge(token: KnownToken | undefined, nowMs: number): Verdict {
  if (!token || token.expiresAtMs <= nowMs) return "expired";
  if (token.familyReused) return "reused";
  if (token.tradedAtMs === undefined) return "trade";
  return nowMs < token.tradedAtMs + GRACE_MS && !token.successorTraded ? "trade" : "reused";
}

/** 32 random bytes, in base64url. */
export function newRefreshToken(): string {
  return randomBytes(32).toString("base64url");
}

/** What the store keeps of a refresh token. It is random enough to need no salt and no slow hash. */
export function sha256(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
