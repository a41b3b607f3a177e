import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";

/** A file of `fixtures/`, all made by `make-fixtures.sh`. */
export function fixture(name: string): Promise<Buffer> {
  return readFile(new URL(`fixtures/${name}`, import.meta.url));
}

/** A JPEG of one colour. */
export function picture(width: number, height: number): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: "#b9481a" } })
    .jpeg()
    .toBuffer();
}

/** tone.flac with another title in its tags: other content, the same music. */
export async function retagged(): Promise<Buffer> {
  const file = await fixture("tone.flac");
  file.write("Last Lights", file.indexOf("First Light"));
  return file;
}

export interface MusicFolder {
  readonly path: string;
  write(name: string, content: Buffer | string): Promise<void>;
  remove(): Promise<void>;
}

/** A folder of the test's own; the files are given by name, each with its content or a fixture's name. */
export async function musicFolder(files: Readonly<Record<string, Buffer | string>>): Promise<MusicFolder> {
  const path = await mkdtemp(join(tmpdir(), "antiphon-music-"));
  async function write(name: string, content: Buffer | string): Promise<void> {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), typeof content === "string" ? await fixture(content) : content);
  }
  for (const [name, content] of Object.entries(files)) await write(name, content);
  return { path, write, remove: () => rm(path, { recursive: true }) };
}

/** A folder with everything that goes wrong in real ones, and five good files. */
export async function troubledFolder(): Promise<MusicFolder> {
  return musicFolder({
    "Tones/01.flac": "tone.flac",
    "Tones/02.OGG": "tone.ogg",
    "Tones/03.opus": "tone.opus",
    "Tones/04.mp3": "tone.mp3",
    "Tones/05.m4a": "tone.m4a",
    "Tones/cover.png": "cover.png",
    "Tones/notes.txt": Buffer.from("not looked at"),
    "Odd/07 - Lost Tape.mp3": "untagged.mp3",
    "Odd/letter.mp3": Buffer.from("Dear Sir or Madam, this is no music.\n".repeat(50)),
    "Odd/cut.flac": (await fixture("tone.flac")).subarray(0, 9_000),
  });
}
