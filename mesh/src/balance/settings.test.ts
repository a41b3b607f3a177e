import { expect, test } from "vitest";
import { type Algorithm, BalanceSettingsError, balanceSettings, DEFAULT_BALANCE } from "./settings.ts";

test("what is not named is the default, also one level down", () => {
  expect(balanceSettings()).toEqual(DEFAULT_BALANCE);
  expect(balanceSettings({ ejection: { baseMs: 1_000 } }).ejection).toEqual({
    ...DEFAULT_BALANCE.ejection,
    baseMs: 1_000,
  });
});

test("every field that makes no sense is named, with what is allowed", () => {
  const nonsense = () =>
    balanceSettings({
      algorithm: "psychic" as Algorithm,
      panicThreshold: 50,
      subsetSize: 1.5,
      slowStartMs: Number.NaN,
      ejection: { baseMs: -1 },
    });
  expect(nonsense).toThrow(BalanceSettingsError);
  expect(nonsense).toThrow("algorithm: must be one of p2c, round_robin, weighted, ring_hash (was psychic)");
  expect(nonsense).toThrow("panicThreshold: must be a number from 0 to 1 (was 50)");
  expect(nonsense).toThrow("subsetSize: must be a whole number from 0 to 100000 (was 1.5)");
  expect(nonsense).toThrow("slowStartMs: must be a number from 0 to 3600000 (was NaN)");
  expect(nonsense).toThrow("ejection.baseMs: must be a number from 1 to 3600000 (was -1)");
});

test("ring_hash without a key to hash is refused", () => {
  expect(() => balanceSettings({ algorithm: "ring_hash" })).toThrow("hash: ring_hash needs");
  expect(balanceSettings({ algorithm: "ring_hash", hash: { kind: "header", name: "x" } })).toMatchObject({
    hash: { name: "x" },
  });
});

test("ejections may not shrink", () => {
  expect(() => balanceSettings({ ejection: { baseMs: 10_000, maxMs: 5_000 } })).toThrow(
    "ejection.maxMs: must be at least ejection.baseMs, 10000 (was 5000)",
  );
});
