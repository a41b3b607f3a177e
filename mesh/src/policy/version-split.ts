/** A version and its part of the calls. */
export interface Share {
  readonly version: string;
  /** Parts of the sum of all shares. */
  readonly percent: number;
}

/**
 * The version that a key, such as a listener, belongs to: always the same, in proportion to the shares. When
 * a share grows, keys move only to it; when one shrinks, only from it; the order of shares does not matter.
 * Source: Schindelhauer, Schomaker 2005, weighted rendezvous hashing.
 */
export function versionOf(shares: readonly Share[], key: string): string | undefined {
  let chosen: string | undefined;
  let best = 0;
  for (const { version, percent } of shares) {
    const score = percent / -Math.log(unitHash(`${version} ${key}`));
    if (score <= best) continue;
    best = score;
    chosen = version;
  }
  return chosen;
}

/** A version by chance, in proportion to the shares. `random` is in [0, 1). */
export function drawVersion(shares: readonly Share[], random: number): string | undefined {
  let left = random * shares.reduce((sum, { percent }) => sum + percent, 0);
  for (const { version, percent } of shares) {
    if (left < percent) return version;
    left -= percent;
  }
  return shares.findLast(({ percent }) => percent > 0)?.version;
}

/** A number in (0, 1) that looks drawn by chance. FNV-1a, mixed as MurmurHash3 does at its end. */
function unitHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}
