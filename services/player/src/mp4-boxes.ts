/** Bytes that can be read at any place. */
export interface RandomAccess {
  readonly sizeBytes: number;
  read(offset: number, length: number): Promise<Buffer>;
}

/** Where the parts of a fragmented MP4 file with one track lie. */
export interface FragmentedMp4 {
  /** `ftyp` and `moov`, from the start of the file. */
  readonly initBytes: number;
  /** Units of `samples` a second; for audio the sample rate. */
  readonly timescale: number;
  /** One after the other from `initBytes` on: each `moof` with its `mdat`, and what stands before them. */
  readonly segments: readonly Mp4Segment[];
}

export interface Mp4Segment {
  readonly bytes: number;
  readonly samples: number;
}

/** The bytes are no fragmented MP4 file with one track. */
export class Mp4Error extends Error {
  override readonly name = "Mp4Error";
}

interface BoxHeader {
  readonly type: string;
  readonly headerBytes: number;
  readonly bytes: number;
}

const MAX_METADATA_BYTES = 1 << 20;

/**
 * Reads the layout from the boxes; the media itself is not read. Throws Mp4Error.
 * Source: ISO/IEC 14496-12, 4.2 (boxes) and 8.8 (movie fragments).
 */
export async function readFragmentedMp4(file: RandomAccess): Promise<FragmentedMp4> {
  let movie: Movie | undefined;
  let initBytes = 0;
  let fragmentSamples: number | undefined;
  let segmentStart = 0;
  const segments: Mp4Segment[] = [];
  for (let at = 0; at < file.sizeBytes; ) {
    const box = boxHeader(await file.read(at, 16), file.sizeBytes - at);
    if (box.type === "moov") {
      movie = readMovie(await metadata(file, at, box));
      initBytes = segmentStart = at + box.bytes;
    } else if (box.type === "moof") {
      if (!movie) throw new Mp4Error("a fragment stands before the movie's header");
      fragmentSamples = samplesOf(await metadata(file, at, box), movie);
    } else if (box.type === "mdat") {
      if (fragmentSamples === undefined) throw new Mp4Error("there is media outside of a fragment");
      segments.push({ bytes: at + box.bytes - segmentStart, samples: fragmentSamples });
      segmentStart = at + box.bytes;
      fragmentSamples = undefined;
    }
    at += box.bytes;
  }
  if (!movie) throw new Mp4Error("there is no movie header");
  if (fragmentSamples !== undefined) throw new Mp4Error("the last fragment has no media");
  return { initBytes, timescale: movie.timescale, segments };
}

async function metadata(file: RandomAccess, at: number, box: BoxHeader): Promise<Buffer> {
  if (box.bytes > MAX_METADATA_BYTES) throw new Mp4Error(`box ${box.type} is too large (${box.bytes} bytes)`);
  return file.read(at + box.headerBytes, box.bytes - box.headerBytes);
}

function boxHeader(bytes: Buffer, available: number): BoxHeader {
  if (bytes.length < 8) throw new Mp4Error("a box is cut off");
  const type = bytes.toString("latin1", 4, 8);
  const small = bytes.readUInt32BE(0);
  const large = small === 1;
  if (large && bytes.length < 16) throw new Mp4Error("a box is cut off");
  const headerBytes = large ? 16 : 8;
  // 0 means up to the end.
  const size = large ? Number(bytes.readBigUInt64BE(8)) : small || available;
  if (size < headerBytes || size > available) throw new Mp4Error(`box ${JSON.stringify(type)} is cut off`);
  return { type, headerBytes, bytes: size };
}

function* boxesIn(body: Buffer): Generator<{ type: string; body: Buffer }> {
  for (let at = 0; at < body.length; ) {
    const { type, headerBytes, bytes } = boxHeader(body.subarray(at, at + 16), body.length - at);
    yield { type, body: body.subarray(at + headerBytes, at + bytes) };
    at += bytes;
  }
}

/** The bodies of the boxes at a path of types, such as moov's "trak/mdia/mdhd". */
function find(body: Buffer, path: string): Buffer[] {
  return path
    .split("/")
    .reduce<Buffer[]>(
      (found, type) =>
        found.flatMap((each) => [...boxesIn(each)].filter((box) => box.type === type).map((box) => box.body)),
      [body],
    );
}

function theOne(body: Buffer, path: string): Buffer {
  const [found, ...more] = find(body, path);
  if (!found || more.length > 0)
    throw new Mp4Error(`there must be one ${path} (were ${found ? more.length + 1 : 0})`);
  return found;
}

interface Movie {
  readonly timescale: number;
  readonly defaultSampleDuration: number;
}

function readMovie(moov: Buffer): Movie {
  return guarded(() => {
    const mdhd = theOne(moov, "trak/mdia/mdhd");
    const trex = theOne(moov, "mvex/trex");
    return {
      // Version 1 has two times of eight bytes before it, version 0 of four.
      timescale: mdhd.readUInt32BE(mdhd.readUInt8(0) === 1 ? 20 : 12),
      defaultSampleDuration: trex.readUInt32BE(12),
    };
  });
}

const TFHD = { baseDataOffset: 0x1, sampleDescription: 0x2, defaultDuration: 0x8 };
const TRUN = {
  dataOffset: 0x1,
  firstSampleFlags: 0x4,
  duration: 0x100,
  size: 0x200,
  flags: 0x400,
  composition: 0x800,
};

/** The duration of a fragment's samples, in units of the timescale. */
function samplesOf(moof: Buffer, movie: Movie): number {
  return guarded(() => {
    const tfhd = theOne(moof, "traf/tfhd");
    const flags = tfhd.readUIntBE(1, 3);
    const before = 8 + (flags & TFHD.baseDataOffset ? 8 : 0) + (flags & TFHD.sampleDescription ? 4 : 0);
    const fallback = flags & TFHD.defaultDuration ? tfhd.readUInt32BE(before) : movie.defaultSampleDuration;
    return find(moof, "traf/trun").reduce((sum, trun) => sum + samplesOfRun(trun, fallback), 0);
  });
}

function samplesOfRun(trun: Buffer, defaultDuration: number): number {
  const flags = trun.readUIntBE(1, 3);
  const count = trun.readUInt32BE(4);
  if (!(flags & TRUN.duration)) return count * defaultDuration;
  const entryBytes =
    4 * [TRUN.duration, TRUN.size, TRUN.flags, TRUN.composition].filter((flag) => flags & flag).length;
  let at = 8 + (flags & TRUN.dataOffset ? 4 : 0) + (flags & TRUN.firstSampleFlags ? 4 : 0);
  let sum = 0;
  for (let i = 0; i < count; i++, at += entryBytes) sum += trun.readUInt32BE(at);
  return sum;
}

/** Reads past the end of a box mean that it is cut off. */
function guarded<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) throw new Mp4Error("a box is shorter than its fields", { cause: error });
    throw error;
  }
}
