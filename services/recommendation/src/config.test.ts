import { ConfigError } from "@antiphon/mesh";
import { expect, test } from "vitest";
import { loadConfig } from "./config.ts";

test.each([
  ["missing", undefined],
  ["no URL", "recommendation"],
  ["another database's", "mysql://127.0.0.1/recommendation"],
])("a database URL that is %s is told by its key", (_what, url) => {
  expect(() => loadConfig({ ANTIPHON_DATABASE_URL: url })).toThrow(ConfigError);
  expect(() => loadConfig({ ANTIPHON_DATABASE_URL: url })).toThrow("ANTIPHON_DATABASE_URL");
});

test("the database and the mesh's defaults are read", () => {
  const { databaseUrl, mesh } = loadConfig({ ANTIPHON_DATABASE_URL: "postgres://127.0.0.1/recommendation" });
  expect(databaseUrl).toBe("postgres://127.0.0.1/recommendation");
  expect(mesh.consulUrl).toBe("http://127.0.0.1:8500");
});
