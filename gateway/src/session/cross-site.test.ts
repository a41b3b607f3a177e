import { expect, test } from "vitest";
import { isCrossSite } from "./cross-site.ts";

test.each([
  ["a page of our own", { "sec-fetch-site": "same-origin" }, false],
  ["an address that was typed", { "sec-fetch-site": "none" }, false],
  ["another site", { "sec-fetch-site": "cross-site" }, true],
  ["a sister domain", { "sec-fetch-site": "same-site" }, true],
  ["a page that may", { origin: "https://app.music.example", "sec-fetch-site": "same-site" }, false],
  ["an image of it", { "sec-fetch-site": "same-site" }, true],
  ["our own origin", { origin: "http://music.example:8080" }, false],
  ["the origin before the proxy", { origin: "https://music.example" }, false],
  ["our host on another port", { origin: "http://music.example:9999" }, true],
  ["a host that ends like ours", { origin: "http://evil-music.example:8080" }, true],
  ["a sandboxed frame", { origin: "null" }, true],
  ["no browser at all", {}, false],
])("%s: cross-site is %#", (_what, header, expected) => {
  const ownOrigins = new Set(["https://music.example", "https://app.music.example"]);
  expect(isCrossSite(new Headers(header), "music.example:8080", ownOrigins)).toBe(expected);
});
