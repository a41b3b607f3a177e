import { type KeyObject, sign, verify } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { ListenerIdentity, ListenerProof } from "../call-scope.ts";

/** How long a proof holds: longer than a call, shorter than anybody would need to profit from a stolen one. */
const LASTS_MS = 300_000;
/** A proof is handed out again so long. It then holds for as long as the longest call does by default. */
const REUSED_MS = 60_000;
/** Clocks of different machines may differ by so much. */
const LEEWAY_MS = 30_000;
/** How many listeners' proofs are kept at hand. */
const MAX_KEPT = 10_000;

/** Vouches for the listeners of calls: held by those who have seen a listener's credentials. */
export interface IdentitySigner {
  sign(listener: ListenerIdentity): ListenerProof;
}

/** Tells whether a proof holds. */
export interface IdentityVerifier {
  /** The proof with its expiry. Throws an `Error` that says what is wrong. */
  verify(listener: ListenerIdentity, token: string | undefined): ListenerProof;
}

/**
 * Signs `<id>, <role>, <expiry>` with Ed25519. The token is `<expiry in seconds>.<signature>`, what is signed
 * travels beside it. One signature a listener and minute.
 */
export function identitySigner(key: KeyObject, now: () => number): IdentitySigner {
  const proofs = new LRUCache<string, ListenerProof>({ max: MAX_KEPT });
  return {
    sign(listener) {
      const who = nameOf(listener);
      const known = proofs.get(who);
      if (known && known.expiresAtMs - now() > LASTS_MS - REUSED_MS) return known;
      const expiresAtS = Math.floor((now() + LASTS_MS) / 1000);
      const signature = sign(null, signedBytes(who, expiresAtS), key).toString("base64url");
      const proof = { token: `${expiresAtS}.${signature}`, expiresAtMs: expiresAtS * 1000 };
      proofs.set(who, proof);
      return proof;
    },
  };
}

/**
 * Verifies proofs with any of the keys: two while a key is replaced, none refuses everybody. A token costs its
 * signature once.
 */
export function identityVerifier(keys: readonly KeyObject[], now: () => number): IdentityVerifier {
  const verified = new LRUCache<string, ListenerProof>({ max: MAX_KEPT });
  return {
    verify(listener, token) {
      const who = nameOf(listener);
      const kept = `${who} ${token}`;
      let proof = verified.get(kept);
      if (!proof) {
        proof = proofOf(who, token, keys);
        verified.set(kept, proof);
      }
      if (proof.expiresAtMs + LEEWAY_MS <= now()) throw new Error("the listener's proof has expired");
      return proof;
    },
  };
}

/** What a proof looks like: seconds since the epoch and 64 bytes in base64url. */
const TOKEN = /^(\d{1,12})\.([\w-]{86})$/;

function proofOf(who: string, token: string | undefined, keys: readonly KeyObject[]): ListenerProof {
  const [, expiry, signature] = TOKEN.exec(token ?? "") ?? [];
  if (token === undefined || expiry === undefined || signature === undefined) {
    throw new Error("nobody has vouched for the listener");
  }
  const expiresAtS = Number(expiry);
  const signed = signedBytes(who, expiresAtS);
  const bytes = Buffer.from(signature, "base64url");
  if (!keys.some((key) => verify(null, signed, key, bytes))) {
    throw new Error("the listener's proof is not signed by a gateway of this mesh");
  }
  return { token, expiresAtMs: expiresAtS * 1000 };
}

/** Unambiguous: a role has no space. */
function nameOf({ id, operator }: ListenerIdentity): string {
  return operator ? `operator ${id}` : `listener ${id}`;
}

function signedBytes(who: string, expiresAtS: number): Buffer {
  return Buffer.from(`antiphon identity 1\n${expiresAtS}\n${who}`);
}
