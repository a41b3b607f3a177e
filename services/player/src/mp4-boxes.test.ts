import { describe, expect, test } from "vitest";
import { Mp4Error, type RandomAccess, readFragmentedMp4 } from "./mp4-boxes.ts";

function inMemory(bytes: Buffer): RandomAccess {
  return { sizeBytes: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

const u32 = (...values: number[]) =>
  Buffer.concat(values.map((value) => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value])));

function box(type: string, ...children: Buffer[]): Buffer {
  const body = Buffer.concat(children);
  return Buffer.concat([u32(body.length + 8), Buffer.from(type, "latin1"), body]);
}

/** A box with a version and flags. */
const full = (type: string, flags: number, ...fields: number[]) => box(type, u32(flags, ...fields));

const moov = (timescale = 48_000, defaultDuration = 0) =>
  box(
    "moov",
    full("mvhd", 0),
    box("trak", box("mdia", full("mdhd", 0, 0, 0, timescale, 0, 0))),
    box("mvex", full("trex", 0, 1, 1, defaultDuration, 0, 0)),
  );

const DEFAULT_DURATION = 0x8;
const moof = (tfhd: Buffer, ...truns: Buffer[]) =>
  box("moof", full("mfhd", 0, 1), box("traf", tfhd, ...truns));
const mdat = (bytes: number) => box("mdat", Buffer.alloc(bytes));
const ftyp = box("ftyp", Buffer.from("iso5"));

describe("the layout of a fragmented file", () => {
  test("is its header and one segment a fragment", async () => {
    const first = Buffer.concat([
      moof(full("tfhd", DEFAULT_DURATION, 1, 960), full("trun", 0, 100)),
      mdat(500),
    ]);
    const second = Buffer.concat([
      moof(full("tfhd", DEFAULT_DURATION, 1, 960), full("trun", 0, 7)),
      mdat(30),
    ]);
    const head = Buffer.concat([ftyp, moov()]);
    const file = Buffer.concat([head, first, second, box("mfra", Buffer.alloc(40))]);
    expect(await readFragmentedMp4(inMemory(file))).toEqual({
      initBytes: head.length,
      timescale: 48_000,
      segments: [
        { bytes: first.length, samples: 96_000 },
        { bytes: second.length, samples: 6_720 },
      ],
    });
  });

  test("counts a box before a fragment to its segment", async () => {
    const styp = box("styp", Buffer.from("msdh"));
    const segment = Buffer.concat([
      styp,
      moof(full("tfhd", DEFAULT_DURATION, 1, 960), full("trun", 0, 1)),
      mdat(9),
    ]);
    const { segments } = await readFragmentedMp4(inMemory(Buffer.concat([ftyp, moov(), segment])));
    expect(segments).toEqual([{ bytes: segment.length, samples: 960 }]);
  });

  test.each([
    ["of the movie's default", full("tfhd", 0, 1), full("trun", 0, 3), 3 * 500],
    ["of the fragment's default", full("tfhd", DEFAULT_DURATION, 1, 960), full("trun", 0, 3), 3 * 960],
    ["after an offset and a description", full("tfhd", 0x0b, 1, 0, 0, 7, 960), full("trun", 0, 3), 3 * 960],
    ["of each sample", full("tfhd", 0, 1), full("trun", 0x100, 3, 960, 960, 312), 2 * 960 + 312],
    [
      "of each sample beside its size",
      full("tfhd", 0, 1),
      full("trun", 0x301, 2, 99, 960, 11, 480, 12),
      960 + 480,
    ],
    ["after the first sample's flags", full("tfhd", 0, 1), full("trun", 0x105, 1, 99, 0, 960), 960],
    ["of no sample at all", full("tfhd", 0, 1), full("trun", 0, 0), 0],
  ])("takes the duration %s", async (_where, tfhd, trun, samples) => {
    const file = Buffer.concat([ftyp, moov(48_000, 500), moof(tfhd, trun), mdat(4)]);
    expect((await readFragmentedMp4(inMemory(file))).segments[0]?.samples).toBe(samples);
  });

  test("adds up several runs of one fragment", async () => {
    const two = moof(full("tfhd", DEFAULT_DURATION, 1, 10), full("trun", 0, 2), full("trun", 0, 3));
    const { segments } = await readFragmentedMp4(inMemory(Buffer.concat([ftyp, moov(), two, mdat(4)])));
    expect(segments[0]?.samples).toBe(50);
  });

  test("takes a header with long times, and sizes of eight bytes or up to the end", async () => {
    const long = box("trak", box("mdia", box("mdhd", u32(0x0100_0000, 0, 0, 0, 0, 44_100, 0, 0, 0))));
    const movie = box("moov", long, box("mvex", full("trex", 0, 1, 1, 0, 0, 0)));
    const fragment = moof(full("tfhd", DEFAULT_DURATION, 1, 960), full("trun", 0, 1));
    const large = Buffer.concat([u32(1), Buffer.from("mdat"), u32(0, 20), Buffer.alloc(4)]);
    const open = Buffer.concat([u32(0), Buffer.from("mdat"), Buffer.alloc(4)]);
    const file = Buffer.concat([ftyp, movie, fragment, large, fragment, open]);
    expect(await readFragmentedMp4(inMemory(file))).toMatchObject({ timescale: 44_100, segments: [{}, {}] });
  });
});

describe("what is no such file is refused", () => {
  const good = Buffer.concat([
    ftyp,
    moov(),
    moof(full("tfhd", 8, 1, 960), full("trun", 0x100, 2, 1, 1)),
    mdat(50),
  ]);

  test.each([
    ["an empty one", Buffer.alloc(0), "no movie header"],
    ["text", Buffer.from("this is no box at all"), "cut off"],
    ["one without a header", mdat(4), "outside of a fragment"],
    ["a fragment before the header", Buffer.concat([moof(full("tfhd", 0, 1))]), "before the movie's header"],
    [
      "two tracks",
      Buffer.concat([box("moov", box("trak"), box("trak"))]),
      "there must be one trak/mdia/mdhd",
    ],
    [
      "a run with fewer samples than it says",
      Buffer.concat([ftyp, moov(), moof(full("tfhd", 0, 1), full("trun", 0x100, 9, 1))]),
      "shorter than its fields",
    ],
    ["a size below its header", u32(4, 0), "cut off"],
    ["a header of gigabytes", Buffer.concat([ftyp, u32(1), Buffer.from("moov"), u32(1, 0)]), "cut off"],
  ])("%s", async (_what, file, message) => {
    const error = await readFragmentedMp4(inMemory(file)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Mp4Error);
    expect((error as Error).message).toContain(message);
  });

  test("one that is cut anywhere but behind its header", async () => {
    const header = ftyp.length + moov().length;
    for (let length = 0; length < good.length; length++) {
      const result = await readFragmentedMp4(inMemory(good.subarray(0, length))).catch(
        (reason: unknown) => reason,
      );
      if (length === header) expect(result).toMatchObject({ segments: [] });
      else expect(result).toBeInstanceOf(Mp4Error);
    }
  });
});
