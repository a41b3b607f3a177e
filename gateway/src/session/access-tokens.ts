import type { ListenerIdentity } from "@antiphon/mesh";
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";

export interface AccessTokens {
  /** Who the token speaks for; rejects `TokenRefused` where it is not valid. */
  verify(token: string): Promise<ListenerIdentity>;
}

/** An access token that is not valid, and why. */
export class TokenRefused extends Error {
  override readonly name = "TokenRefused";
  readonly expired: boolean;
  constructor(message: string, expired = false) {
    super(message);
    this.expired = expired;
  }
}

/** Longer tokens are refused before anything parses them. */
const MAX_TOKEN_CHARS = 4096;
/** How long a set of keys is trusted. Identity serves new keys long before it signs with them. */
const KEYS_MAX_AGE_MS = 300_000;
/** An unknown key id asks for the keys again, but not more often: anybody can make one up. */
const KEYS_MIN_AGE_MS = 10_000;

interface Deps {
  /** The public keys of identity, as JSON. */
  readonly fetchJwks: () => Promise<string>;
  readonly monotonic: () => number;
}

/** Verifies access tokens (ES256, issuer and audience "antiphon") with the keys that identity serves. */
export function accessTokens({ fetchJwks, monotonic }: Deps): AccessTokens {
  let keys: ReturnType<typeof createLocalJWKSet> | undefined;
  let fetchedAtMs = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | undefined;

  const refetch = (): Promise<void> => {
    fetching ??= fetchJwks()
      .then((json) => {
        keys = createLocalJWKSet(JSON.parse(json) as JSONWebKeySet);
        fetchedAtMs = monotonic();
      })
      .finally(() => {
        fetching = undefined;
      });
    return fetching;
  };

  const freshKeys = async (maxAgeMs: number) => {
    // Old keys are better than none while identity is away.
    if (monotonic() - fetchedAtMs >= maxAgeMs)
      await refetch().catch((error) => (keys ? undefined : fail(error)));
    return keys ?? fail(new Error("identity served no keys"));
  };

  const verifyWith = async (token: string, maxAgeMs: number): Promise<JWTPayload> => {
    const options = { issuer: "antiphon", audience: "antiphon", algorithms: ["ES256"] };
    return (await jwtVerify(token, await freshKeys(maxAgeMs), options)).payload;
  };

  return {
    async verify(token) {
      if (token.length > MAX_TOKEN_CHARS) throw new TokenRefused("the access token is too long");
      try {
        const payload = await verifyWith(token, KEYS_MAX_AGE_MS).catch((error: unknown) => {
          if (error instanceof errors.JWKSNoMatchingKey) return verifyWith(token, KEYS_MIN_AGE_MS);
          throw error;
        });
        if (typeof payload.sub !== "string") throw new TokenRefused("the access token names nobody");
        return { id: payload.sub, operator: payload.role === "operator" };
      } catch (error) {
        if (error instanceof errors.JWTExpired) throw new TokenRefused("the access token has expired", true);
        if (error instanceof errors.JOSEError) throw new TokenRefused("the access token is not valid");
        throw error;
      }
    },
  };
}

function fail(error: unknown): never {
  throw error;
}
