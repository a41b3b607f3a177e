import { expect, it } from "vitest";
import { deviceName, ownDevice } from "./device.ts";

it.each([
  [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36",
    "Chrome on Linux",
  ],
  [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0",
    "Edge on Windows",
  ],
  [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Mobile Safari/604.1",
    "Safari on iPhone",
  ],
  ["Mozilla/5.0 (Android 16; Mobile; rv:150.0) Gecko/150.0 Firefox/150.0", "Firefox on Android"],
  ["", "A browser on a computer"],
])("%s is %s", (userAgent, name) => {
  expect(deviceName({ userAgent })).toBe(name);
});

it("gives each page an id of its own", () => {
  const [one, other] = [ownDevice({ userAgent: "" }), ownDevice({ userAgent: "" })];
  expect(one.id).toMatch(/^dev_[0-9a-z]{20}$/);
  expect(one.id).not.toBe(other.id);
});
