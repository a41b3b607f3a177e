import { expect, test } from "vitest";
import { z } from "zod";
import { ConfigError, defineConfig, wholeNumber } from "./config.ts";

const load = defineConfig({
  databaseUrl: ["ANTIPHON_DATABASE_URL", z.url()],
  mediaKey: ["ANTIPHON_MEDIA_KEY", z.string().min(32)],
  workers: ["ANTIPHON_WORKERS", wholeNumber(1, 8).default(2)],
});
const good = { ANTIPHON_DATABASE_URL: "postgres://localhost/x", ANTIPHON_MEDIA_KEY: "k".repeat(32) };

function problemsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    load(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("settings are read with the mesh's own, defaults where nothing is said", () => {
  const config = load({ ...good, ANTIPHON_PORT: "4000", ANTIPHON_ZONE: "" });
  expect(config).toMatchObject({ databaseUrl: "postgres://localhost/x", workers: 2 });
  expect(config.mesh).toMatchObject({
    port: 4000,
    adminPort: 0,
    zone: "local",
    drainMs: 10_000,
    logLevel: "info",
  });
  expect(Object.isFrozen(config) && Object.isFrozen(config.mesh)).toBe(true);
});

test("every bad key is told at once, one sentence each", () => {
  const problems = problemsOf({
    ANTIPHON_MEDIA_KEY: "too short",
    ANTIPHON_WORKERS: "9",
    ANTIPHON_PORT: "http",
    ANTIPHON_CONSUL_URL: "127.0.0.1:8500",
    ANTIPHON_LOG_LEVEL: "loud",
  });
  expect(problems).toEqual([
    expect.stringMatching(/^ANTIPHON_DATABASE_URL is missing: /),
    expect.stringMatching(/^ANTIPHON_MEDIA_KEY: .*32/),
    'ANTIPHON_WORKERS: must be a whole number from 1 to 8 (was "9").',
    "ANTIPHON_CONSUL_URL: must be a URL like http://127.0.0.1:8500.",
    'ANTIPHON_PORT: must be a whole number from 0 to 65535 (was "http").',
    "ANTIPHON_LOG_LEVEL: must be one of trace, debug, info, warn, error, fatal, silent.",
  ]);
});

test("a secret that is wrong is not repeated", () => {
  expect(problemsOf({ ...good, ANTIPHON_MEDIA_KEY: "hunter2" }).join()).not.toContain("hunter2");
});

test.for(["", " 1", "1.5", "-1", "0x1", "1e3", "70000"])("%j is no port", (port) => {
  expect(problemsOf({ ...good, ANTIPHON_PORT: port })).toHaveLength(port === "" ? 0 : 1);
});

test("protection from overload is adjusted, or turned off", () => {
  expect(load(good).mesh).toMatchObject({ shed: true, concurrencyMin: 256, concurrencyMax: 2_000 });
  const adjusted = { ANTIPHON_SHED: "off", ANTIPHON_CONCURRENCY_MIN: "8", ANTIPHON_STRAINED_PERCENT: "80" };
  expect(load({ ...good, ...adjusted }).mesh).toMatchObject({
    shed: false,
    concurrencyMin: 8,
    strainedPercent: 80,
  });
  expect(problemsOf({ ...good, ANTIPHON_SHED: "yes", ANTIPHON_STRAINED_PERCENT: "0" })).toEqual([
    "ANTIPHON_SHED: must be on or off.",
    'ANTIPHON_STRAINED_PERCENT: must be a whole number from 1 to 100 (was "0").',
  ]);
});
