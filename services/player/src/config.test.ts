import { ConfigError } from "@antiphon/mesh";
import { expect, test } from "vitest";
import { loadConfig } from "./config.ts";

const good = {
  ANTIPHON_DATABASE_URL: "postgres://player@127.0.0.1:5432/player",
  ANTIPHON_DATA_DIR: "/var/lib/antiphon/player",
  ANTIPHON_MEDIA_KEY: "x".repeat(32),
};

test("what must be set is enough", () => {
  expect(loadConfig(good)).toMatchObject({ packagers: 1, ffmpeg: undefined });
});

test("every bad key is named, with what is allowed, and secrets are not repeated", () => {
  const bad = {
    ANTIPHON_DATABASE_URL: "mysql://secret",
    ANTIPHON_DATA_DIR: "data",
    ANTIPHON_MEDIA_KEY: "short secret",
    ANTIPHON_PACKAGERS: "many",
  };
  const failure = (() => {
    try {
      return loadConfig(bad);
    } catch (error) {
      return error;
    }
  })();
  expect(failure).toBeInstanceOf(ConfigError);
  const { problems } = failure as ConfigError;
  expect(problems).toHaveLength(4);
  for (const key of Object.keys(bad)) expect(problems.join("\n")).toContain(key);
  expect(problems.join("\n")).not.toContain("secret");
});
