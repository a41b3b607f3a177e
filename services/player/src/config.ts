import { defineConfig, wholeNumber } from "@antiphon/mesh";
import { z } from "zod";
import { bucketUrl } from "./storage/bucket-url.ts";

const storage = {
  databaseUrl: [
    "ANTIPHON_DATABASE_URL",
    z.url({ protocol: /^postgres(ql)?$/, error: "must be a URL like postgres://user@host:5432/player" }),
  ],
  dataDir: [
    "ANTIPHON_DATA_DIR",
    z
      .string({ error: "must be a folder for the packaged audio" })
      .startsWith("/", "must be an absolute path"),
  ],
  bucket: ["ANTIPHON_MEDIA_BUCKET", bucketUrl.optional()],
} as const;

/** Where the player keeps what it packaged: what its commands need. */
export const loadStorageConfig = defineConfig(storage);

/** The player's settings; README.md lists them. */
export const loadConfig = defineConfig({
  ...storage,
  mediaKey: [
    "ANTIPHON_MEDIA_KEY",
    z.string({ error: "must be a secret that the gateway shares" }).min(32, "must be at least 32 characters"),
  ],
  ffmpeg: ["ANTIPHON_FFMPEG", z.string().optional()],
  packagers: ["ANTIPHON_PACKAGERS", wholeNumber(0, 16).default(1)],
});

export type StorageConfig = ReturnType<typeof loadStorageConfig>;
export type PlayerConfig = ReturnType<typeof loadConfig>;
