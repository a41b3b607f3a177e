import { createHash, randomBytes } from "node:crypto";

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";
const LENGTH = 20;

/** A new identifier: the prefix, `_` and 20 random characters of `[0-9a-z]` (103 bits). */
export function newId(prefix: string): string {
  let id = "";
  while (id.length < LENGTH) {
    for (const byte of randomBytes(LENGTH)) {
      // 252 is the largest multiple of 36 in a byte: without the cut, "0" to "3" would come up more often.
      if (byte < 252 && id.length < LENGTH) id += ALPHABET[byte % 36];
    }
  }
  return `${prefix}_${id}`;
}

/** The same identifier for the same parts, on every machine: the prefix, `_` and 20 characters from SHA-256. */
export function stableId(prefix: string, ...parts: string[]): string {
  const digest = createHash("sha256").update(JSON.stringify(parts)).digest("hex");
  return `${prefix}_${BigInt(`0x${digest}`).toString(36).padStart(LENGTH, "0").slice(-LENGTH)}`;
}
