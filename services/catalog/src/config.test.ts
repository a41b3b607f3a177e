import { ConfigError } from "@antiphon/mesh";
import { expect, test } from "vitest";
import { loadConfig } from "./config.ts";

test("a database is enough", () => {
  const databaseUrl = "postgres://catalog@127.0.0.1:5432/catalog";
  expect(loadConfig({ ANTIPHON_DATABASE_URL: databaseUrl })).toMatchObject({ databaseUrl });
});

test.each([undefined, "mysql://127.0.0.1/catalog", "catalog"])(
  "the database %s is refused by name of the key",
  (url) => {
    expect(() => loadConfig({ ANTIPHON_DATABASE_URL: url })).toThrow(ConfigError);
    expect(() => loadConfig({ ANTIPHON_DATABASE_URL: url })).toThrow(/^ANTIPHON_DATABASE_URL.*postgres:\/\//);
  },
);
