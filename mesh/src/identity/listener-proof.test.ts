import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { ManualClock } from "../../testing/manual-clock.ts";
import { newIdentityKeys, readPrivateKey, readPublicKeys } from "./identity-keys.ts";
import { identitySigner, identityVerifier } from "./listener-proof.ts";

const keys = newIdentityKeys();
const listener = { id: "lst_1", operator: false };

function pair(publicKeys = keys.publicKey) {
  const clock = new ManualClock();
  const signer = identitySigner(readPrivateKey(keys.privateKey), () => clock.now());
  const verifier = identityVerifier(readPublicKeys(publicKeys), () => clock.now());
  return { clock, signer, verifier };
}

test("a proof holds for the listener it names, and for nobody else", () => {
  const { signer, verifier } = pair();
  const proof = signer.sign(listener);
  expect(verifier.verify(listener, proof.token)).toEqual(proof);
  for (const other of [
    { id: "lst_2", operator: false },
    { id: "lst_1", operator: true },
  ]) {
    expect(() => verifier.verify(other, proof.token)).toThrow("is not signed by a gateway");
  }
});

test("a proof that is prolonged or altered does not hold", () => {
  const { signer, verifier } = pair();
  const { token } = signer.sign(listener);
  const [expiry = "", signature = ""] = token.split(".");
  for (const forged of [`${Number(expiry) + 1}.${signature}`, `${expiry}.${signature.replace(/./, "_")}`]) {
    expect(() => verifier.verify(listener, forged)).toThrow("is not signed by a gateway");
  }
  for (const nonsense of [undefined, "", "x", `${expiry}.`, `${token}x`, `${"9".repeat(13)}.${signature}`]) {
    expect(() => verifier.verify(listener, nonsense)).toThrow("nobody has vouched");
  }
});

test("a proof is used again for a minute, holds for at least four more, and then expires", () => {
  const { clock, signer, verifier } = pair();
  const { token } = signer.sign(listener);
  clock.advance(59_000);
  expect(signer.sign(listener).token).toBe(token);
  clock.advance(2_000);
  expect(signer.sign(listener).token).not.toBe(token);
  clock.advance(239_000);
  verifier.verify(listener, token);
  clock.advance(40_000);
  expect(() => verifier.verify(listener, token)).toThrow("has expired");
});

test("two keys are believed while one takes the other's place, and none believes nobody", () => {
  const { signer } = pair();
  const { token } = signer.sign(listener);
  const both = pair(`${newIdentityKeys().publicKey},${keys.publicKey}`);
  expect(both.verifier.verify(listener, token).token).toBe(token);
  expect(() => identityVerifier([], Date.now).verify(listener, token)).toThrow("is not signed by a gateway");
  const other = pair(newIdentityKeys().publicKey);
  expect(() => other.verifier.verify(listener, token)).toThrow("is not signed by a gateway");
});

describe("a key that is none", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  test.each([
    ["nonsense", "nonsense", "nonsense"],
    ["nothing", "", ""],
    [
      "of another kind",
      rsa.privateKey.export({ format: "der", type: "pkcs8" }).toString("base64url"),
      rsa.publicKey.export({ format: "der", type: "spki" }).toString("base64url"),
    ],
    ["the other half", keys.publicKey, keys.privateKey],
  ])("is refused: %s", (_what, privateKey, publicKey) => {
    expect(() => readPrivateKey(privateKey)).toThrow();
    expect(() => readPublicKeys(publicKey)).toThrow();
  });
});
