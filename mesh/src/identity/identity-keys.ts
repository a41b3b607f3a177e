import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";

/** An Ed25519 key pair as it stands in the environment: DER (PKCS #8 and SPKI) in base64url. */
export interface IdentityKeys {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** Makes a new key pair. */
export function newIdentityKeys(): IdentityKeys {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    privateKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64url"),
    publicKey: publicKey.export({ format: "der", type: "spki" }).toString("base64url"),
  };
}

/** Reads ANTIPHON_IDENTITY_KEY. Throws where it is no private Ed25519 key. */
export function readPrivateKey(text: string): KeyObject {
  const key = Buffer.from(text, "base64url");
  return onlyEd25519(createPrivateKey({ key, format: "der", type: "pkcs8" }));
}

/** Reads ANTIPHON_IDENTITY_PUBLIC_KEYS: one key or several, with commas between them. Throws where one is none. */
export function readPublicKeys(text: string): KeyObject[] {
  return text.split(",").map((each) => {
    const key = Buffer.from(each, "base64url");
    return onlyEd25519(createPublicKey({ key, format: "der", type: "spki" }));
  });
}

function onlyEd25519(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== "ed25519") throw new Error("not an Ed25519 key");
  return key;
}
