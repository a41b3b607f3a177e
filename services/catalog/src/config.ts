import { defineConfig } from "@antiphon/mesh";
import { z } from "zod";

/** The catalog's settings; README.md lists them. */
export const loadConfig = defineConfig({
  databaseUrl: [
    "ANTIPHON_DATABASE_URL",
    z.url({ protocol: /^postgres(ql)?$/, error: "must be a URL like postgres://user@host:5432/catalog" }),
  ],
});

export type CatalogConfig = ReturnType<typeof loadConfig>;
