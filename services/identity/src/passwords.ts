import { randomBytes } from "node:crypto";
import { hash, verify } from "@node-rs/argon2";

/** OWASP's first choice for argon2id (the library's default variant): 19 MiB, two passes, one lane. */
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export interface Passwords {
  hash(password: string): Promise<string>;
  /** Takes as long for an account that does not exist (`undefined`) as for one that does. */
  matches(passwordHash: string | undefined, password: string): Promise<boolean>;
}

export async function openPasswords(): Promise<Passwords> {
  const decoy = await hash(randomBytes(32), OPTIONS);
  return {
    hash: (password) => hash(normalised(password), OPTIONS),
    async matches(passwordHash, password) {
      const matches = await verify(passwordHash ?? decoy, normalised(password));
      return matches && passwordHash !== undefined;
    },
  };
}

/** Keyboards differ in how they compose an accented letter; the password is the same. */
function normalised(password: string): string {
  return password.normalize("NFKC");
}
