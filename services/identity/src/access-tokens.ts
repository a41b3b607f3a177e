import { type Clock, withTransaction } from "@antiphon/mesh";
import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  SignJWT,
} from "jose";
import type pg from "pg";
import type { Role } from "./listener.ts";
import { ACCESS_TTL_MS } from "./sessions.ts";
import { findKeys, insertKey, keepKeys, lockKeys } from "./signing-key-store.ts";
import { currentKey, nextKeyFrom, publicJwk, type SigningKey, servedKeys } from "./signing-keys.ts";

/** How long until keys that another replica has added are found: far less than they are served ahead. */
const REREAD_AFTER_MS = 60_000;
/** How long the keys known last are good enough after the database did not answer. */
const RETRY_AFTER_MS = 5_000;

export interface AccessToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

/** Signs access tokens with keys that all replicas share. */
export interface AccessTokens {
  /** A JWT (ES256) that says who is signed in and in which role, valid for 10 minutes. */
  issue(listener: { readonly id: string; readonly role: Role }): Promise<AccessToken>;
  /** The public keys of all tokens that are still valid. While the database is away: those known last. */
  keySet(): Promise<JSONWebKeySet>;
}

export function accessTokens(pool: pg.Pool, clock: Clock): AccessTokens {
  let known: readonly SigningKey[] = [];
  let readNextAtMs = Number.NEGATIVE_INFINITY;

  async function keys(): Promise<readonly SigningKey[]> {
    const nowMs = clock.now();
    if (nowMs < readNextAtMs) return known;
    try {
      known = await rotatedKeys(pool, nowMs);
      readNextAtMs = nowMs + REREAD_AFTER_MS;
    } catch (error) {
      if (known.length === 0) throw error;
      readNextAtMs = nowMs + RETRY_AFTER_MS;
    }
    return known;
  }

  return {
    async issue({ id, role }) {
      const nowMs = clock.now();
      const key = currentKey(await keys(), nowMs);
      if (!key) throw new Error("there is no signing key");
      const issuedAt = Math.floor(nowMs / 1000);
      const expiresAt = issuedAt + ACCESS_TTL_MS / 1000;
      const token = await new SignJWT({ role })
        .setProtectedHeader({ alg: "ES256", kid: key.kid })
        .setIssuer("antiphon")
        .setAudience("antiphon")
        .setSubject(id)
        .setIssuedAt(issuedAt)
        .setExpirationTime(expiresAt)
        .sign(await importJWK(key.privateJwk, "ES256"));
      return { token, expiresAtMs: expiresAt * 1000 };
    },

    async keySet() {
      return { keys: servedKeys(await keys(), clock.now()).map(publicJwk) };
    },
  };
}

/** The keys of the store, after adding the one that is due and dropping those that are of no use any more. */
async function rotatedKeys(pool: pg.Pool, nowMs: number): Promise<readonly SigningKey[]> {
  const found = await findKeys(pool);
  if (nextKeyFrom(found, nowMs) === undefined) return found;
  return withTransaction(pool, async (tx) => {
    await lockKeys(tx);
    const keys = await findKeys(tx);
    const signsFromMs = nextKeyFrom(keys, nowMs);
    // Another replica was first.
    if (signsFromMs === undefined) return keys;
    const key = await newKey(signsFromMs);
    await insertKey(tx, key);
    const kept = servedKeys([...keys, key], nowMs);
    await keepKeys(tx, kept);
    return kept;
  });
}

async function newKey(signsFromMs: number): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const privateJwk = await exportJWK(privateKey);
  return { kid: await calculateJwkThumbprint(privateJwk), privateJwk, signsFromMs };
}
