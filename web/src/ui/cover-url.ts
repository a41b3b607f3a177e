/** The shorter sides that the catalog makes covers in, pixels. */
const SIDES = [64, 300, 640];

/** Where a cover is. */
export function coverUrl(coverId: string): string {
  return `/media/catalog/${coverId}`;
}

/** Its sizes as `srcset` takes them. One that the catalog did not make is answered with the cover itself. */
export function coverSizes(coverId: string): string {
  return SIDES.map((side) => `${coverUrl(coverId.replace(/\.\w+$/, `_${side}.webp`))} ${side}w`).join(", ");
}
