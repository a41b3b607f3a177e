import { defineConfig, wholeNumber } from "@antiphon/mesh";
import { z } from "zod";

const origins = z
  .string()
  .transform((text) => text.split(","))
  .refine((list) => list.every((each) => /^https?:/.test(each) && URL.parse(each)?.origin === each), {
    error: "must be origins separated by commas, such as https://app.music.example, with no path and no *",
  });

/** What the gateway reads from its environment, beside what every process of the mesh reads. */
export const loadConfig = defineConfig({
  /** Signs and verifies media URLs, shared with the player. */
  mediaKey: ["ANTIPHON_MEDIA_KEY", z.string().min(32, "must be at least 32 characters")],
  /** Services whose objects the media route serves. */
  mediaServices: [
    "ANTIPHON_MEDIA_SERVICES",
    z
      .string()
      .regex(/^[a-z]+(,[a-z]+)*$/, "must be service names separated by commas")
      .default("catalog,player"),
  ],
  /** Bytes of objects kept in memory. */
  mediaCacheBytes: ["ANTIPHON_MEDIA_CACHE_BYTES", wholeNumber(1_048_576, 17_179_869_184).default(67_108_864)],
  /** The folder of the built web page; without it only calls and media are served. */
  webDir: ["ANTIPHON_WEB_DIR", z.string().min(1).optional()],
  /** Where browsers see the gateway. Cookies are Secure where it is https. */
  publicUrl: ["ANTIPHON_PUBLIC_URL", z.url().optional()],
  /** Origins of pages that may call as ours does, such as `https://app.music.example`. */
  allowedOrigins: ["ANTIPHON_ALLOWED_ORIGINS", origins.default([])],
  /** Whether a proxy before the gateway adds to X-Forwarded-For: then its last entry is who calls. */
  behindProxy: ["ANTIPHON_BEHIND_PROXY", z.stringbool().default(false)],
  /** Files in PEM; with both the gateway speaks TLS itself. */
  tlsCert: ["ANTIPHON_TLS_CERT", z.string().min(1).optional()],
  tlsKey: ["ANTIPHON_TLS_KEY", z.string().min(1).optional()],
});

export type GatewayConfig = ReturnType<typeof loadConfig>;
