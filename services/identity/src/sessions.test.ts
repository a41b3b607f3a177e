import { expect, test } from "vitest";
import { GRACE_MS, judge, type KnownToken, newRefreshToken, sha256 } from "./sessions.ts";

const NOW_MS = 1_700_000_000_000;

function token(change: Partial<KnownToken> = {}): KnownToken {
  return {
    expiresAtMs: NOW_MS + 1000,
    tradedAtMs: undefined,
    successorTraded: false,
    familyReused: false,
    ...change,
  };
}

test("a token that was not traded yet is good", () => {
  expect(judge(token(), NOW_MS)).toBe("trade");
});

test("a token that nobody knows and one that is too old are expired", () => {
  expect(judge(undefined, NOW_MS)).toBe("expired");
  expect(judge(token({ expiresAtMs: NOW_MS }), NOW_MS)).toBe("expired");
});

test("the loser of a race between tabs is still served", () => {
  expect(judge(token({ tradedAtMs: NOW_MS - GRACE_MS + 1 }), NOW_MS)).toBe("trade");
});

test("a traded token that comes after the grace is a copy", () => {
  expect(judge(token({ tradedAtMs: NOW_MS - GRACE_MS }), NOW_MS)).toBe("reused");
});

test("a token whose successor was traded in its turn is a copy, within the grace too", () => {
  expect(judge(token({ tradedAtMs: NOW_MS - 1, successorTraded: true }), NOW_MS)).toBe("reused");
});

test("once a copy was seen no token of the family is good", () => {
  expect(judge(token({ familyReused: true }), NOW_MS)).toBe("reused");
});

test("refresh tokens are 256 random bits, and kept as a hash", () => {
  const refreshToken = newRefreshToken();
  expect(Buffer.from(refreshToken, "base64url")).toHaveLength(32);
  expect(newRefreshToken()).not.toBe(refreshToken);
  expect(sha256(refreshToken)).toHaveLength(32);
});
