import type { ByteRange } from "./playback.ts";

/** The server refused the bytes; 403 and 404 are cured by a new StartPlayback, others by waiting. */
export class MediaFetchError extends Error {
  override readonly name = "MediaFetchError";
  readonly status: number;

  constructor(status: number) {
    super(`The media server answered ${status}.`);
    this.status = status;
  }

  /** Whether the signed URL is the problem: it expired, or names what is no longer there. */
  get urlIsStale(): boolean {
    return this.status === 401 || this.status === 403 || this.status === 404 || this.status === 410;
  }
}

/** Called when the answer begins, with 0, and as bytes arrive, with how many there are by now. */
export type OnProgress = (receivedBytes: number) => void;

/**
 * Fetches one range of bytes of a signed URL; `cache` as of fetch.
 * Rejects `MediaFetchError` on any status but 206 (and 200, of which it cuts out the range), and what
 * fetch rejects with when the network fails or `signal` is aborted.
 */
export async function fetchRange(
  url: string,
  range: ByteRange,
  { signal, cache = "default" }: { readonly signal: AbortSignal; readonly cache?: RequestCache },
  onProgress?: OnProgress,
): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url, {
    headers: { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` },
    signal,
    cache,
  });
  if (response.status !== 206 && response.status !== 200) {
    await response.body?.cancel();
    throw new MediaFetchError(response.status);
  }
  onProgress?.(0);
  const skip = response.status === 200 ? range.offset : 0;
  const bytes = new Uint8Array(range.length);
  let received = 0;
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    const from = Math.max(0, skip - received);
    const room = range.length - Math.max(0, received - skip);
    if (from < value.length && room > 0) {
      bytes.set(value.subarray(from, from + room), Math.max(0, received - skip));
    }
    received += value.length;
    onProgress?.(Math.min(Math.max(0, received - skip), range.length));
  }
  if (received - skip < range.length) throw new TypeError("The connection ended within a segment.");
  return bytes;
}
