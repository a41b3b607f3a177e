import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { until } from "@antiphon/mesh/testing";
import { MediaErrorDetailSchema, MediaErrorReason } from "@antiphon/proto/antiphon/media/v1/media";
import { Code, type ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type PlayerBed, playerBed } from "../testing/bed.ts";
import { repair } from "./repair.ts";

let bed: PlayerBed;
/** Of a rendition whose second block is altered by `damage`. */
let objectId: string;
let trackId: string;
const MUSIC = Buffer.alloc(20_000, "music");

beforeEach(async () => {
  bed = await playerBed();
  trackId = await bed.importTrack("First Light", MUSIC);
  await packageAll();
  objectId = (await bed.audio.find(trackId, "opus"))!.renditions[0]!.objectId;
});
afterEach(() => bed.stop());

async function packageAll(): Promise<void> {
  const { stop } = bed.startPackaging();
  await until(async () => {
    const { waiting, running } = await bed.jobs.counts();
    return waiting + running === 0;
  });
  await stop();
}

async function damage(): Promise<void> {
  const path = join(bed.dataDir, "objects", objectId);
  const bytes = await readFile(path);
  bytes[17_000]! ^= 1;
  await writeFile(path, bytes);
}

async function read(offset: bigint, length: bigint): Promise<Buffer> {
  const chunks = await Array.fromAsync(bed.media.readObject({ objectId, offset, length }));
  return Buffer.concat(chunks.map(({ chunk }) => chunk));
}

test("bytes that were altered are data_loss, counted, and made again", async () => {
  const whole = await read(0n, 0n);
  await damage();
  expect(await read(0n, 100n)).toEqual(whole.subarray(0, 100));
  const error = await read(16_500n, 10n).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: Code.DataLoss });
  expect((error as ConnectError).findDetails(MediaErrorDetailSchema)).toMatchObject([
    { reason: MediaErrorReason.OBJECT_DAMAGED, subject: objectId },
  ]);
  await until(async () => (await bed.jobs.state(trackId))?.state === "waiting");
  // What is known of it is still answered, and nothing but its damaged part is missed.
  expect((await bed.as("lst_00000000000000000000").startPlayback({ trackId })).renditions).toHaveLength(4);
  await packageAll();
  expect(await read(0n, 0n)).toEqual(whole);
});

describe("a repair", () => {
  const lines: string[] = [];
  const run = (dryRun: boolean) => {
    lines.length = 0;
    const print = (line: string) => lines.push(line);
    return repair({ ...bed, print, dryRun, signal: new AbortController().signal });
  };

  test("has damaged and missing objects made again and drops orphans", async () => {
    const missing = (await bed.audio.find(trackId, "aac"))!.renditions[3]!.objectId;
    await damage();
    await rm(join(bed.dataDir, "objects", `${missing}.sums`));
    await writeFile(join(bed.dataDir, "objects", "ren_00000000000000000000.mp4"), "half of one");
    const expected = { whole: 6, damaged: 1, missing: 1, orphans: 1 };
    expect(await run(true)).toEqual(expected);
    expect((await bed.jobs.state(trackId))?.state).toBe("done");
    expect(await run(false)).toEqual(expected);
    expect(lines.sort()).toEqual(
      [
        `${objectId} is damaged: it is queued to be made again`,
        `${missing} is missing: it is queued to be made again`,
        "ren_00000000000000000000.mp4 belongs to no track: it is deleted",
      ].sort(),
    );
    await packageAll();
    expect(await run(false)).toEqual({ whole: 8, damaged: 0, missing: 0, orphans: 0 });
  });

  test("is a command", async () => {
    const main = fileURLToPath(new URL("../cli/main.ts", import.meta.url));
    const { connectionString } = bed.pool.options;
    const env = { ...process.env, ANTIPHON_DATABASE_URL: connectionString, ANTIPHON_DATA_DIR: bed.dataDir };
    const command = (...args: string[]) => promisify(execFile)(process.execPath, [main, ...args], { env });
    const { stdout } = await command("repair");
    expect(stdout).toBe("8 objects are whole, 0 damaged, 0 missing, 0 belonged to no track\n");
    expect((await command("--help")).stdout).toContain("--dry-run");
    await expect(command("mend")).rejects.toMatchObject({ code: 64, stderr: /no command "mend"/ });
  });
});
