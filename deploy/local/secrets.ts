import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { newIdentityKeys } from "@antiphon/mesh";
import { z } from "zod";
import { Sentence } from "./sentence.ts";

const shape = z.object({
  /** Signs media URLs. */
  mediaKey: z.string().min(32),
  /** Signs for whom calls are made. */
  identityKeys: z.object({ privateKey: z.string(), publicKey: z.string() }).default(newIdentityKeys),
  operator: z.object({ email: z.string(), password: z.string().min(8) }),
});

/** What is made up once and kept with the data, since the data depends on it. */
export type Secrets = z.infer<typeof shape>;

/** Reads `secrets.json` of a data folder, or makes it the first time. Only its owner can read it. */
export async function loadSecrets(dataDir: string): Promise<Secrets> {
  const path = join(dataDir, "secrets.json");
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text !== undefined) {
    let secrets: Secrets;
    try {
      secrets = shape.parse(JSON.parse(text));
    } catch {
      throw new Sentence(`${path} is damaged: remove ${dataDir} to start over`);
    }
    // Of an older version: what it lacks has just been made up.
    await write(path, secrets);
    return secrets;
  }
  const secrets: Secrets = {
    mediaKey: randomBytes(32).toString("base64url"),
    identityKeys: newIdentityKeys(),
    operator: { email: "operator@antiphon.local", password: randomBytes(9).toString("base64url") },
  };
  await mkdir(dataDir, { recursive: true });
  await write(path, secrets);
  return secrets;
}

function write(path: string, secrets: Secrets): Promise<void> {
  return writeFile(path, `${JSON.stringify(secrets, undefined, 2)}\n`, { mode: 0o600 });
}
