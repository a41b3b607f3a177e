import type { KeyObject } from "node:crypto";
import { z } from "zod";
import { readPrivateKey, readPublicKeys } from "./identity/identity-keys.ts";

/** What every process of the mesh reads from its environment. */
export interface MeshConfig {
  /** ANTIPHON_CONSUL_URL, default `http://127.0.0.1:8500`. */
  readonly consulUrl: string;
  /** ANTIPHON_NATS_URL, default `nats://127.0.0.1:4222`. */
  readonly natsUrl: string;
  /** ANTIPHON_HOST, where it listens and what it registers, default `127.0.0.1`. */
  readonly host: string;
  /** ANTIPHON_PORT of its calls; 0, the default, takes a free one. */
  readonly port: number;
  /** ANTIPHON_ADMIN_PORT; 0, the default, takes a free one. */
  readonly adminPort: number;
  /** ANTIPHON_VERSION, default `0.1.0`. */
  readonly version: string;
  /** ANTIPHON_ZONE, default `local`. */
  readonly zone: string;
  /** ANTIPHON_LOG_LEVEL: trace, debug, info (default), warn, error, fatal or silent. */
  readonly logLevel: string;
  /** ANTIPHON_DRAIN_MS: how long calls in flight may take after SIGTERM, default 10000. */
  readonly drainMs: number;
  /** ANTIPHON_PROPAGATION_MS: from deregistration until callers have heard of it, default 300. */
  readonly propagationMs: number;
  /** ANTIPHON_SHED: whether calls are refused when there is too much to do, `on` (default) or `off`. */
  readonly shed: boolean;
  /** ANTIPHON_CONCURRENCY_MIN: unary calls in flight that are let in while the event loop has time to spare, default 256. */
  readonly concurrencyMin: number;
  /** ANTIPHON_CONCURRENCY_MAX: unary calls in flight at most, default 2000. */
  readonly concurrencyMax: number;
  /** ANTIPHON_STRAINED_PERCENT: the event loop is strained above this utilisation, default 95. */
  readonly strainedPercent: number;
  /** ANTIPHON_IDENTITY_PUBLIC_KEYS: whose word on a call's listener is believed, Ed25519 keys (SPKI) in base64url, with commas between them; without it nobody's. */
  readonly identityPublicKeys?: readonly KeyObject[] | undefined;
  /** ANTIPHON_IDENTITY_KEY: vouches for listeners, an Ed25519 key (PKCS #8) in base64url; the gateway's alone. */
  readonly identityKey?: KeyObject | undefined;
  /** ANTIPHON_INSTANCE_ID; without it `<name>-<random>`. */
  readonly instanceId?: string | undefined;
}

/** The environment is not as it must be: one problem a key, each a sentence that names its key. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** A whole number in the environment; other values are refused with the range in the message. */
export function wholeNumber(min: number, max: number): z.ZodType<number> {
  return z
    .string()
    .refine((text) => /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max, {
      error: (issue) => `must be a whole number from ${min} to ${max} (was ${JSON.stringify(issue.input)})`,
    })
    .transform(Number);
}

function urlOf(protocols: RegExp, example: string): z.ZodType<string> {
  return z.url({ protocol: protocols, error: `must be a URL like ${example}` });
}

function keys<T>(read: (text: string) => T, error: string) {
  return z
    .string()
    .transform((text, context) => {
      try {
        return read(text);
      } catch {
        context.addIssue({ code: "custom", message: error });
        return z.NEVER;
      }
    })
    .optional();
}

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

const meshShape = {
  consulUrl: [
    "ANTIPHON_CONSUL_URL",
    urlOf(/^https?$/, "http://127.0.0.1:8500").default("http://127.0.0.1:8500"),
  ],
  natsUrl: [
    "ANTIPHON_NATS_URL",
    urlOf(/^(nats|tls)$/, "nats://127.0.0.1:4222").default("nats://127.0.0.1:4222"),
  ],
  host: ["ANTIPHON_HOST", z.string().default("127.0.0.1")],
  port: ["ANTIPHON_PORT", wholeNumber(0, 65_535).default(0)],
  adminPort: ["ANTIPHON_ADMIN_PORT", wholeNumber(0, 65_535).default(0)],
  version: ["ANTIPHON_VERSION", z.string().default("0.1.0")],
  zone: ["ANTIPHON_ZONE", z.string().default("local")],
  logLevel: [
    "ANTIPHON_LOG_LEVEL",
    z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(", ")}` }).default("info"),
  ],
  drainMs: ["ANTIPHON_DRAIN_MS", wholeNumber(0, 600_000).default(10_000)],
  propagationMs: ["ANTIPHON_PROPAGATION_MS", wholeNumber(0, 60_000).default(300)],
  shed: [
    "ANTIPHON_SHED",
    z
      .enum(["on", "off"], { error: "must be on or off" })
      .default("on")
      .transform((value) => value === "on"),
  ],
  concurrencyMin: ["ANTIPHON_CONCURRENCY_MIN", wholeNumber(1, 100_000).default(256)],
  concurrencyMax: ["ANTIPHON_CONCURRENCY_MAX", wholeNumber(1, 100_000).default(2_000)],
  strainedPercent: ["ANTIPHON_STRAINED_PERCENT", wholeNumber(1, 100).default(95)],
  identityPublicKeys: [
    "ANTIPHON_IDENTITY_PUBLIC_KEYS",
    keys(readPublicKeys, "must be public Ed25519 keys (SPKI) in base64url, with commas between them"),
  ],
  identityKey: [
    "ANTIPHON_IDENTITY_KEY",
    keys(readPrivateKey, "must be a private Ed25519 key (PKCS #8) in base64url"),
  ],
  instanceId: ["ANTIPHON_INSTANCE_ID", z.string().optional()],
} as const satisfies ConfigShape;

/** From the name of a setting to its environment key and how it is read. */
export type ConfigShape = Readonly<Record<string, readonly [key: string, schema: z.ZodType]>>;

type Settings<S extends ConfigShape> = { readonly [K in keyof S]: z.output<S[K][1]> };

/**
 * Declares a service's settings; those of the mesh come with them as `mesh`.
 *
 *     export const loadConfig = defineConfig({ databaseUrl: ["ANTIPHON_DATABASE_URL", z.url()] });
 *
 * The result reads an environment into a frozen object and throws ConfigError with every bad key
 * together. An empty variable counts as unset. Values are not repeated in messages: they may be secrets.
 */
export function defineConfig<const S extends ConfigShape>(
  shape: S,
): (env: NodeJS.ProcessEnv) => Readonly<Settings<S> & { mesh: MeshConfig }> {
  return (env) => {
    const problems: string[] = [];
    const settings = read(shape, env, problems);
    const mesh = read(meshShape, env, problems);
    if (problems.length > 0) throw new ConfigError(problems);
    return Object.freeze({ ...settings, mesh: Object.freeze(mesh) });
  };
}

function read<S extends ConfigShape>(shape: S, env: NodeJS.ProcessEnv, problems: string[]): Settings<S> {
  const settings: Record<string, unknown> = {};
  for (const [name, [key, schema]] of Object.entries(shape)) {
    const text = env[key] === "" ? undefined : env[key];
    const parsed = schema.safeParse(text);
    if (parsed.success) {
      settings[name] = parsed.data;
    } else {
      const wrong = parsed.error.issues.map((issue) => issue.message).join("; ");
      problems.push(text === undefined ? `${key} is missing: ${wrong}.` : `${key}: ${wrong}.`);
    }
  }
  return settings as Settings<S>;
}
