import type { RandomAccess } from "./completeness.ts";

/** Frames of audio start within so many bytes: some files begin with padding. */
const SEARCH_BYTES = 64 * 1024;
/** Encoders do not agree on whether the header's own frame is counted. */
const TOLERANCE_BYTES = 1_500;

const BYTES_KNOWN = 0x2;
const FRAMES_KNOWN = 0x1;

/**
 * How many bytes of audio an MP3 file should have from its first frame on, by the header that encoders put
 * there (Xing, or Info where the bitrate is constant). Undefined where there is none that tells.
 * Source: the Xing VBR header, and LAME's extension of it.
 */
function promisedBytes(head: Buffer): { readonly from: number; readonly bytes: number } | undefined {
  for (const tag of ["Xing", "Info"]) {
    const at = head.indexOf(tag);
    if (at < 0 || at + 16 > head.length) continue;
    const from = head.lastIndexOf(0xff, at);
    const flags = head.readUInt32BE(at + 4);
    // The header stands right behind the side information of the first frame, 36 bytes at most.
    if (from < 0 || at - from > 40 || !(flags & BYTES_KNOWN)) continue;
    return { from, bytes: head.readUInt32BE(at + 8 + (flags & FRAMES_KNOWN ? 4 : 0)) };
  }
  return undefined;
}

/** Whether an MP3 file has the bytes that its first frame promises; one that promises nothing counts as whole. */
export async function mpegReachesItsEnd(file: RandomAccess): Promise<boolean> {
  const promised = promisedBytes(await file.read(0, SEARCH_BYTES));
  return !promised || file.sizeBytes - promised.from >= promised.bytes - TOLERANCE_BYTES;
}
