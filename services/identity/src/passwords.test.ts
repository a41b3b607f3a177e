import { expect, test } from "vitest";
import { openPasswords } from "./passwords.ts";

const passwords = await openPasswords();

test("passwords are hashed with argon2id, 19 MiB, two passes, one lane", async () => {
  expect(await passwords.hash("a song of songs")).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
});

test("only the right password matches", async () => {
  const hash = await passwords.hash("a song of songs");
  expect(await passwords.matches(hash, "a song of songs")).toBe(true);
  expect(await passwords.matches(hash, "a song of song")).toBe(false);
});

test("an accent typed as two code points is the same password", async () => {
  const hash = await passwords.hash("caf\u00e9 concert");
  expect(await passwords.matches(hash, "cafe\u0301 concert")).toBe(true);
});

test("no password matches an account that does not exist", async () => {
  expect(await passwords.matches(undefined, "a song of songs")).toBe(false);
});
