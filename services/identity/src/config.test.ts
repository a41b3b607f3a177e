import { ConfigError } from "@antiphon/mesh";
import { expect, test } from "vitest";
import { loadConfig } from "./config.ts";

const ANTIPHON_DATABASE_URL = "postgres://antiphon@127.0.0.1:5432/identity";

function problemsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("an operator is optional", () => {
  expect(loadConfig({ ANTIPHON_DATABASE_URL })).toMatchObject({ databaseUrl: ANTIPHON_DATABASE_URL });
});

test("an operator needs an address and a password", () => {
  expect(problemsOf({ ANTIPHON_DATABASE_URL, ANTIPHON_OPERATOR_EMAIL: "op@example.org" })).toEqual([
    "ANTIPHON_OPERATOR_PASSWORD is missing: must be set, as ANTIPHON_OPERATOR_EMAIL is.",
  ]);
  expect(problemsOf({ ANTIPHON_DATABASE_URL, ANTIPHON_OPERATOR_PASSWORD: "long enough" })).toEqual([
    "ANTIPHON_OPERATOR_EMAIL is missing: must be set, as ANTIPHON_OPERATOR_PASSWORD is.",
  ]);
});

test("every bad key is told, and no value is repeated", () => {
  const problems = problemsOf({ ANTIPHON_OPERATOR_EMAIL: "nobody", ANTIPHON_OPERATOR_PASSWORD: "short" });
  expect(problems.map((problem) => problem.split(/[ :]/, 1)[0])).toEqual([
    "ANTIPHON_DATABASE_URL",
    "ANTIPHON_OPERATOR_EMAIL",
    "ANTIPHON_OPERATOR_PASSWORD",
  ]);
  expect(problems.join()).not.toContain("short");
});
