const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** An id of the contracts: the prefix and twenty random characters. */
export function newId(prefix: "itm" | "dev"): string {
  const random = crypto.getRandomValues(new Uint8Array(20));
  return `${prefix}_${Array.from(random, (byte) => ALPHABET[byte % ALPHABET.length]).join("")}`;
}
