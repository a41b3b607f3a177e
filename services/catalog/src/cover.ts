import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { stableId } from "@antiphon/mesh";

/** A picture that was checked; its id is its address, made from its content. */
export interface Cover {
  /** `cov_<20 characters>.<jpg|png|webp>`, an object of the media route. */
  readonly id: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** Larger pictures are left out, bytes. */
export const MAX_COVER_BYTES = 8 * 1024 * 1024;

const FOLDER_COVER = /^(cover|folder|front)\.(jpe?g|png|webp)$/i;

const formats = [
  { extension: "jpg", contentType: "image/jpeg", is: (b: Buffer) => b.readUIntBE(0, 3) === 0xffd8ff },
  {
    extension: "png",
    contentType: "image/png",
    is: (b: Buffer) => b.toString("latin1", 0, 8) === "\x89PNG\r\n\x1a\n",
  },
  {
    extension: "webp",
    contentType: "image/webp",
    is: (b: Buffer) => b.toString("latin1", 0, 4) === "RIFF" && b.toString("latin1", 8, 12) === "WEBP",
  },
];

/** A cover of these bytes; undefined where they are no JPEG, PNG or WebP by their first bytes, or too many. */
export function coverOf(bytes: Uint8Array): Cover | undefined {
  if (bytes.length < 16 || bytes.length > MAX_COVER_BYTES) return undefined;
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, 16);
  const format = formats.find(({ is }) => is(head));
  if (!format) return undefined;
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { id: `${stableId("cov", sha256)}.${format.extension}`, contentType: format.contentType, bytes };
}

/** The picture that lies in an album's folder as cover, folder or front; undefined where none is good. */
export async function folderCover(folder: string): Promise<Cover | undefined> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => FOLDER_COVER.test(name)).sort();
  for (const name of names) {
    const path = join(folder, name);
    const file = await stat(path).catch(() => undefined);
    if (!file?.isFile() || file.size > MAX_COVER_BYTES) continue;
    const cover = coverOf(await readFile(path).catch(() => new Uint8Array()));
    if (cover) return cover;
  }
  return undefined;
}
