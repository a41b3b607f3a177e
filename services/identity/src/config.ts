import { defineConfig } from "@antiphon/mesh";
import { z } from "zod";

const EMAIL = "ANTIPHON_OPERATOR_EMAIL";
const PASSWORD = "ANTIPHON_OPERATOR_PASSWORD";

/** The identity service's settings; README.md lists them. The operator's address and password go together. */
export function loadConfig(env: NodeJS.ProcessEnv) {
  return defineConfig({
    databaseUrl: [
      "ANTIPHON_DATABASE_URL",
      z.url({ protocol: /^postgres(ql)?$/, error: "must be a URL like postgres://user@host:5432/identity" }),
    ],
    operatorEmail: [
      EMAIL,
      besides(
        env[PASSWORD],
        z.email({
          error: ({ input }) =>
            input === undefined ? `must be set, as ${PASSWORD} is` : "must be an e-mail address",
        }),
      ),
    ],
    operatorPassword: [
      PASSWORD,
      besides(
        env[EMAIL],
        z
          .string({ error: `must be set, as ${EMAIL} is` })
          .min(8, "must be at least 8 characters")
          .max(200, "must be at most 200 characters"),
      ),
    ],
  })(env);
}

export type IdentityConfig = ReturnType<typeof loadConfig>;

/** A setting that is optional as long as the other is not set. */
function besides(other: string | undefined, schema: z.ZodType<string>): z.ZodType<string | undefined> {
  return other ? schema : schema.optional();
}
