import sharp from "sharp";
import type { Cover } from "./cover.ts";

/** The sides that covers are made in, pixels: a row's, a card's, and that of what plays. */
const SIDES = [64, 300, 640];
const SMALLER_ID = new RegExp(`^(cov_[0-9a-z]{20})_(?:${SIDES.join("|")})\\.webp$`);
/** A picture of more pixels is not decoded: it would take up the memory of the process. */
const MAX_PIXELS = 64_000_000;

/**
 * A cover in WebP, its shorter side as long as each of `SIDES` that is below its own. None where it can't be
 * decoded: then the cover is served as it is, and the browser may know better.
 */
export async function smallerCovers({ id, bytes }: Cover): Promise<Cover[]> {
  const picture = sharp(bytes, { limitInputPixels: MAX_PIXELS }).autoOrient();
  const made = picture.metadata().then(({ width, height }) =>
    Promise.all(
      SIDES.filter((side) => side < Math.min(width, height)).map(async (side) => ({
        id: id.replace(/\.\w+$/, `_${side}.webp`),
        contentType: "image/webp",
        bytes: await picture.clone().resize(side, side, { fit: "outside" }).webp().toBuffer(),
      })),
    ),
  );
  return made.catch(() => []);
}

/** The covers to look for where one is asked for, the best first: the picture itself stands in for a smaller one. */
export function standIns(id: string): string[] {
  const original = SMALLER_ID.exec(id)?.[1];
  return original ? [id, ...["jpg", "png", "webp"].map((extension) => `${original}.${extension}`)] : [id];
}
