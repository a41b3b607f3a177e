import { join } from "node:path";
import type { NatsServer } from "./backing.ts";
import type { Secrets } from "./secrets.ts";

/** What the environment of a service is made of. */
export interface Surroundings {
  readonly dataDir: string;
  readonly consulUrl: string;
  readonly nats: NatsServer;
  readonly secrets: Secrets;
  /** URL of the service's own database, if it has one. */
  readonly databaseUrl: string | undefined;
  /** The built web page, if there is one. */
  readonly webDir: string | undefined;
}

/** The environment of a service; each reads what it needs in its `config.ts`. */
export function environmentOf(service: string, around: Surroundings): Record<string, string> {
  const { dataDir, consulUrl, nats, secrets, databaseUrl, webDir } = around;
  return defined({
    NODE_ENV: "production",
    NODE_OPTIONS: "",
    ANTIPHON_CONSUL_URL: consulUrl,
    ANTIPHON_NATS_URL: nats.url,
    ANTIPHON_IDENTITY_PUBLIC_KEYS: secrets.identityKeys.publicKey,
    ANTIPHON_DATABASE_URL: databaseUrl,
    ANTIPHON_DATA_DIR: join(dataDir, "services", service),
    ...(service === "player" && { ANTIPHON_MEDIA_KEY: secrets.mediaKey }),
    ...(service === "gateway" && {
      ANTIPHON_MEDIA_KEY: secrets.mediaKey,
      ANTIPHON_IDENTITY_KEY: secrets.identityKeys.privateKey,
      ANTIPHON_WEB_DIR: webDir,
    }),
    ...(service === "identity" && {
      ANTIPHON_OPERATOR_EMAIL: secrets.operator.email,
      ANTIPHON_OPERATOR_PASSWORD: secrets.operator.password,
    }),
  });
}

function defined(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
