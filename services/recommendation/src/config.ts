import { defineConfig } from "@antiphon/mesh";
import { z } from "zod";

/** The only reader of the environment; throws ConfigError. */
export const loadConfig = defineConfig({
  databaseUrl: [
    "ANTIPHON_DATABASE_URL",
    z.url({
      protocol: /^postgres(ql)?$/,
      error: "must be a URL like postgres://user@127.0.0.1:5432/recommendation",
    }),
  ],
});

export type Config = ReturnType<typeof loadConfig>;
