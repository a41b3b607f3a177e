import { expect, test } from "vitest";
import { signMediaPath, verifyMediaPath } from "./signed-media.ts";

const key = "k".repeat(32);
const now = 1_700_000_000_000;
const signed = new URL(signMediaPath(key, "/media/player/abc/seg1.m4s", now + 500), "http://x");

function verify({ pathname, searchParams }: URL, atMs = now, withKey = key) {
  return verifyMediaPath(withKey, pathname, searchParams, atMs);
}

function altered(change: (url: URL) => void): URL {
  const url = new URL(signed);
  change(url);
  return url;
}

test("a signed path is good until it expires", () => {
  expect(verify(signed)).toBe("ok");
  expect(verify(signed, now + 999)).toBe("ok");
  expect(verify(signed, now + 1_000)).toBe("expired");
});

test.for([
  ["another path", new URL(signed.href.replace("seg1", "seg2"))],
  ["a later expiry", altered((url) => url.searchParams.set("e", "9999999999"))],
  ["no expiry", altered((url) => url.searchParams.delete("e"))],
  ["no signature", altered((url) => url.searchParams.delete("s"))],
  ["a cut signature", altered((url) => url.searchParams.set("s", url.searchParams.get("s")!.slice(0, 20)))],
] as const)("%s is a bad signature", ([, url]) => {
  expect(verify(url)).toBe("bad_signature");
});

test("another key's signature is bad", () => {
  expect(verify(signed, now, "x".repeat(32))).toBe("bad_signature");
});
