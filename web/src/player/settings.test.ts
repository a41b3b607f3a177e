import { describe, expect, it } from "vitest";
import { readSettings, writeSettings } from "./settings.ts";

describe("settings", () => {
  it("come back as they were written", () => {
    const stored = new Map<string, string>();
    const settings = { volume: 0.3, muted: true, throughputKbps: 900, qualityKbps: 64 };
    writeSettings({ setItem: (key, value) => stored.set(key, value) }, settings);
    expect(readSettings({ getItem: (key) => stored.get(key) ?? null })).toEqual(settings);
  });

  it.each([null, "{", "7", '{"volume": 7, "muted": "yes", "throughputKbps": -1, "qualityKbps": "best"}'])(
    "are the defaults where storage has %s",
    (stored) => {
      expect(readSettings({ getItem: () => stored })).toEqual({
        volume: 0.8,
        muted: false,
        throughputKbps: 2_000,
        qualityKbps: undefined,
      });
    },
  );

  it("cost nothing but themselves where storage is blocked", () => {
    const blocked = () => {
      throw new Error("blocked");
    };
    expect(readSettings({ getItem: blocked }).volume).toBe(0.8);
    expect(() => writeSettings({ setItem: blocked }, readSettings({ getItem: blocked }))).not.toThrow();
  });
});
