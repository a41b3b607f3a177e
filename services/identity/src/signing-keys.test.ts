import { expect, test } from "vitest";
import { ACCESS_TTL_MS } from "./sessions.ts";
import {
  currentKey,
  KEY_LIFETIME_MS,
  nextKeyFrom,
  publicJwk,
  SERVED_AHEAD_MS,
  type SigningKey,
  servedKeys,
} from "./signing-keys.ts";

const NOW_MS = 1_700_000_000_000;

function key(kid: string, signsFromMs: number): SigningKey {
  return { kid, signsFromMs, privateJwk: { kty: "EC", crv: "P-256", x: "x", y: "y", d: "secret" } };
}

test("the first key signs at once", () => {
  expect(nextKeyFrom([], NOW_MS)).toBe(NOW_MS);
  expect(currentKey([key("a", NOW_MS)], NOW_MS)?.kid).toBe("a");
});

test("the next key is due after the lifetime of the youngest, and is served before it signs", () => {
  const first = key("a", NOW_MS - KEY_LIFETIME_MS);
  expect(nextKeyFrom([first], NOW_MS - 1)).toBeUndefined();
  expect(nextKeyFrom([first], NOW_MS)).toBe(NOW_MS + SERVED_AHEAD_MS);

  const keys = [first, key("b", NOW_MS + SERVED_AHEAD_MS)];
  expect(nextKeyFrom(keys, NOW_MS + 1)).toBeUndefined();
  expect(servedKeys(keys, NOW_MS)).toEqual(keys);
  expect(currentKey(keys, NOW_MS)?.kid).toBe("a");
  expect(currentKey(keys, NOW_MS + SERVED_AHEAD_MS)?.kid).toBe("b");
});

test("a key that signs no more is served until its last token has expired", () => {
  const keys = [key("a", NOW_MS - KEY_LIFETIME_MS), key("b", NOW_MS)];
  expect(servedKeys(keys, NOW_MS + ACCESS_TTL_MS)).toEqual(keys);
  expect(servedKeys(keys, NOW_MS + ACCESS_TTL_MS + 60_000).map(({ kid }) => kid)).toEqual(["b"]);
});

test("nothing private is served", () => {
  expect(publicJwk(key("a", NOW_MS))).toEqual({
    kty: "EC",
    crv: "P-256",
    x: "x",
    y: "y",
    kid: "a",
    alg: "ES256",
    use: "sig",
  });
});
