import { mpegReachesItsEnd } from "./mpeg-length.ts";

/** A file that can be read at any place. Reads past its end give what there is. */
export interface RandomAccess {
  readonly sizeBytes: number;
  read(offset: number, length: number): Promise<Buffer>;
}

export type Container = "flac" | "ogg" | "mp4" | "mpeg";

/** Tells the container by the first bytes; undefined where they belong to none of the four. */
export function sniffContainer(head: Buffer): Container | undefined {
  if (head.toString("latin1", 0, 4) === "fLaC") return "flac";
  if (head.toString("latin1", 0, 4) === "OggS") return "ogg";
  if (head.toString("latin1", 4, 8) === "ftyp") return "mp4";
  if (head.toString("latin1", 0, 3) === "ID3") return "mpeg";
  // Frame sync, and a layer and a sample rate that exist.
  const [first = 0, second = 0, third = 0] = head;
  const framed = first === 0xff && second >= 0xe0 && (second & 0x06) !== 0 && (third & 0x0c) !== 0x0c;
  return framed ? "mpeg" : undefined;
}

/**
 * Whether the end of a file is missing, told without decoding it: FLAC by its last frame (a cut within
 * that frame, a tenth of a second at most, is not noticed), Ogg by the end mark of its last page, MP4 by
 * the extent of its boxes, MP3 by the header that most encoders write. What does not tell counts as whole.
 */
export async function isTruncated(container: Container, file: RandomAccess): Promise<boolean> {
  switch (container) {
    case "flac":
      return !(await flacReachesItsEnd(file));
    case "ogg":
      return !(await oggReachesItsEnd(file));
    case "mp4":
      return !(await mp4ReachesItsEnd(file));
    case "mpeg":
      return !(await mpegReachesItsEnd(file));
  }
}

const FLAC_MAX_FRAME_BYTES = 1 << 20;
const FLAC_MAX_HEADER_BYTES = 16;
/** Tags of other formats that some tools append. */
const TRAILING_TAG_BYTES = 64 * 1024;

/** Source: RFC 9639, 8.2 (stream info) and 9.1 (frame header). */
async function flacReachesItsEnd(file: RandomAccess): Promise<boolean> {
  const head = await file.read(0, 42);
  if (head.length < 42) return false;
  const fixedBlockSamples = head.readUInt16BE(8);
  const maxFrameBytes = head.readUIntBE(15, 3) || FLAC_MAX_FRAME_BYTES;
  const totalSamples = (head.readUInt8(21) & 0x0f) * 2 ** 32 + head.readUInt32BE(22);
  // An encoder that wrote to a pipe did not know the length.
  if (totalSamples === 0) return true;
  // A frame of silence can be shorter than the longest header.
  const read = await readTail(file, maxFrameBytes + TRAILING_TAG_BYTES);
  const tail = Buffer.concat([read, Buffer.alloc(FLAC_MAX_HEADER_BYTES)]);
  for (let at = tail.lastIndexOf(0xff); at >= 0; at = at === 0 ? -1 : tail.lastIndexOf(0xff, at - 1)) {
    const end = flacFrameEnd(tail.subarray(at, at + FLAC_MAX_HEADER_BYTES), fixedBlockSamples);
    if (end !== undefined && end >= totalSamples) return true;
  }
  return false;
}

/** The sample after a FLAC frame, by its header; undefined where there is no frame header. */
function flacFrameEnd(header: Buffer, fixedBlockSamples: number): number | undefined {
  if (header.length < FLAC_MAX_HEADER_BYTES || (header.readUInt16BE(0) & 0xfffe) !== 0xfff8) return undefined;
  const sizeCode = header.readUInt8(2) >> 4;
  const rateCode = header.readUInt8(2) & 0x0f;
  const number = codedNumber(header.subarray(4));
  if (!number || sizeCode === 0 || rateCode === 15) return undefined;
  let at = 4 + number.length;
  let blockSamples = sizeCode === 1 ? 192 : sizeCode < 6 ? 576 << (sizeCode - 2) : 256 << (sizeCode - 8);
  if (sizeCode === 6) blockSamples = header.readUInt8(at++) + 1;
  if (sizeCode === 7) {
    blockSamples = header.readUInt16BE(at) + 1;
    at += 2;
  }
  if (rateCode >= 12) at += rateCode === 12 ? 1 : 2;
  if (crc8(header.subarray(0, at)) !== header.readUInt8(at)) return undefined;
  const variable = (header.readUInt8(1) & 1) === 1;
  return (variable ? number.value : number.value * fixedBlockSamples) + blockSamples;
}

/** A number of up to 36 bits, coded as UTF-8 codes characters. */
function codedNumber(bytes: Buffer): { value: number; length: number } | undefined {
  const first = bytes.readUInt8(0);
  if (first < 0x80) return { value: first, length: 1 };
  const length = Math.clz32(~(first << 24));
  if (length < 2 || length > 7) return undefined;
  let value = first & (0x7f >> length);
  for (let i = 1; i < length; i++) {
    const next = bytes.readUInt8(i);
    if (next >> 6 !== 2) return undefined;
    value = value * 64 + (next & 0x3f);
  }
  return { value, length };
}

function crc8(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80 ? ((crc << 1) ^ 0x07) & 0xff : crc << 1;
  }
  return crc;
}

const OGG_MAX_PAGE_BYTES = 27 + 255 + 255 * 255;
const OGG_END_OF_STREAM = 0x04;

/** Source: RFC 3533, 6 (page header). */
async function oggReachesItsEnd(file: RandomAccess): Promise<boolean> {
  const tail = await readTail(file, OGG_MAX_PAGE_BYTES + TRAILING_TAG_BYTES);
  const at = tail.lastIndexOf("OggS");
  if (at < 0 || at + 27 > tail.length) return false;
  const lacing = tail.subarray(at + 27, at + 27 + tail.readUInt8(at + 26));
  const pageBytes = 27 + lacing.length + lacing.reduce((sum, bytes) => sum + bytes, 0);
  const whole = lacing.length === tail.readUInt8(at + 26) && at + pageBytes <= tail.length;
  return whole && (tail.readUInt8(at + 5) & OGG_END_OF_STREAM) !== 0;
}

/** Source: ISO/IEC 14496-12, 4.2 (boxes). */
async function mp4ReachesItsEnd(file: RandomAccess): Promise<boolean> {
  let described = false;
  for (let at = 0; at + 8 <= file.sizeBytes; ) {
    const header = await file.read(at, 16);
    const small = header.readUInt32BE(0);
    if (header.toString("latin1", 4, 8) === "moov") described = true;
    if (small === 0) break;
    if (small === 1 && header.length < 16) return false;
    const sizeBytes = small === 1 ? Number(header.readBigUInt64BE(8)) : small;
    if (sizeBytes < 8 || at + sizeBytes > file.sizeBytes) return false;
    at += sizeBytes;
  }
  return described;
}

function readTail(file: RandomAccess, length: number): Promise<Buffer> {
  const offset = Math.max(0, file.sizeBytes - length);
  return file.read(offset, file.sizeBytes - offset);
}

/** A movie's description is larger only where something is wrong. */
const MAX_MOOV_BYTES = 1 << 25;
/** The sample entries of encrypted sound: Apple's FairPlay, and Common Encryption. */
const ENCRYPTED = ["drms", "drmi", "enca"];

/** Whether the sound of an MP4 file is encrypted. Source: ISO/IEC 14496-12, 8.5.2 (sample descriptions) and 8.12. */
export async function isEncrypted(file: RandomAccess): Promise<boolean> {
  for (let at = 0; at + 8 <= file.sizeBytes; ) {
    const header = await file.read(at, 8);
    const sizeBytes = header.readUInt32BE(0);
    if (header.toString("latin1", 4, 8) === "moov") {
      const moov = await file.read(at, Math.min(sizeBytes, MAX_MOOV_BYTES));
      const stsd = moov.indexOf("stsd");
      // Behind its type: version and flags, the number of entries, and the size of the first one.
      return stsd >= 0 && ENCRYPTED.includes(moov.toString("latin1", stsd + 16, stsd + 20));
    }
    if (sizeBytes < 8) return false;
    at += sizeBytes;
  }
  return false;
}
