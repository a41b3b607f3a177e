/** The shorter sides that the catalog makes covers in, pixels. */
const SIDES = [64, 300, 640];

/** Where a cover is. */
export function coverUrl(coverId: string): string {
  return `/media/catalog/${coverId}`;
}

function sizeUrl(coverId: string, side: number): string {
  return coverUrl(coverId.replace(/\.\w+$/, `_${side}.webp`));
}

/** Its sizes as `srcset` takes them. One that the catalog did not make is answered with the cover itself. */
export function coverSizes(coverId: string): string {
  return SIDES.map((side) => `${sizeUrl(coverId, side)} ${side}w`).join(", ");
}

/** The same for lock screens and media keys. They are given no types: a cover stands in for its sizes. */
export function coverArtwork(coverId: string): MediaImage[] {
  return SIDES.map((side) => ({ src: sizeUrl(coverId, side), sizes: `${side}x${side}` }));
}
