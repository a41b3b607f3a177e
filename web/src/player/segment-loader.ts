import { byThroughput, chooseQuality, shouldAbandon } from "./abr.ts";
import { backoffMs, pause } from "./backoff.ts";
import { Distrust } from "./distrust.ts";
import { fetchRange, MediaFetchError, type OnProgress } from "./fetch-range.ts";
import type { ByteRange, LoadedSegment, Playback, Rendition } from "./playback.ts";
import type { ThroughputEstimator } from "./throughput.ts";

/** What the loader asks while it works, since the playhead moves meanwhile. */
export interface LoadContext {
  /** Seconds of music ahead of the playhead. */
  bufferS(): number;
  readonly bufferTargetS: number;
  /**
   * Silence waits for it. The browser's cache is left alone then: it holds back a request until what was
   * aborted on the same URL is put away, which takes a round trip or two.
   */
  readonly starting: boolean;
  /** What the listener chose: the highest quality up to it, however slow the line. Else the moment decides. */
  readonly fixedKbps: number | undefined;
  /** Gives the playback with fresh URLs; called when the server refuses the ones it has. */
  refresh(): Promise<Playback>;
  /** The network fails (true), or works again (false). */
  onTrouble(failing: boolean): void;
}

/** Fresh URLs that are refused as well mean that the audio is gone. */
const MAX_REFRESHES = 2;
/** What a download is aborted with to fetch the segment in a lower quality. */
const abandoned = Symbol("abandoned");
const WATCH_EVERY_MS = 200;
/** A connection on which nothing arrives for so long is taken for dead. */
const SILENCE_MS = 8_000;
/** Init segments kept: those of the tracks played last. */
const MAX_INITS = 16;

/**
 * Fetches segments in the quality that the moment allows. Retries for as long as `signal` lets it,
 * abandons a download that would come too late for a lower quality, and gets new URLs for stale ones.
 */
export class SegmentLoader {
  private readonly throughput: ThroughputEstimator;
  private readonly inits = new Map<string, Uint8Array<ArrayBuffer>>();
  private readonly distrusted = new Distrust();

  constructor(throughput: ThroughputEstimator) {
    this.throughput = throughput;
  }

  /** Rejects `MediaFetchError` when fresh URLs are refused too, or with the reason of `signal`. */
  async load(
    first: Playback,
    index: number,
    context: LoadContext,
    signal: AbortSignal,
  ): Promise<LoadedSegment> {
    if (index === 0 && first.first && this.takes(first.first, context)) {
      this.remember(first, first.first.init);
      return first.first;
    }
    let playback = first;
    let ceiling = Number.POSITIVE_INFINITY;
    let refreshes = 0;
    for (let attempt = 1; ; attempt++) {
      const quality = Math.min(this.choose(playback, index, context), ceiling);
      try {
        const loaded = await this.attempt(playback, quality, index, context, signal);
        context.onTrouble(false);
        return loaded;
      } catch (error) {
        signal.throwIfAborted();
        if (error === abandoned) {
          ceiling = quality - 1;
        } else if (error instanceof MediaFetchError && error.urlIsStale) {
          if (refreshes++ >= MAX_REFRESHES) throw error;
          playback = await context.refresh();
        } else {
          context.onTrouble(true);
          await pause(backoffMs(attempt), signal);
        }
      }
    }
  }

  /** The browser could not decode it: for a while it is fetched only where there is no other one. */
  distrust(rendition: Rendition): void {
    this.distrusted.add(rendition.id);
    this.inits.clear();
  }

  /** Whether what came with StartPlayback is what would be fetched. */
  private takes({ rendition }: LoadedSegment, { starting, fixedKbps }: LoadContext): boolean {
    return (
      starting && !this.distrusted.includes(rendition.id) && rendition.bitrateKbps <= (fixedKbps ?? Infinity)
    );
  }

  /** The index of a rendition; of the neighbours below and above where the browser refused that one. */
  private choose(playback: Playback, index: number, context: LoadContext): number {
    const wanted = this.wanted(playback, index, context);
    const trusted = playback.renditions
      .map(({ id }, i) => (this.distrusted.includes(id) ? -1 : i))
      .filter((i) => i >= 0);
    return trusted.findLast((i) => i <= wanted) ?? trusted[0] ?? wanted;
  }

  private wanted(playback: Playback, index: number, context: LoadContext): number {
    const { boundariesS } = playback;
    const bitratesKbps = playback.renditions.map((r) => r.bitrateKbps);
    if (context.fixedKbps !== undefined) return byThroughput(bitratesKbps, context.fixedKbps);
    return chooseQuality({
      bitratesKbps,
      throughputKbps: this.throughput.kbps,
      bufferS: context.bufferS(),
      bufferTargetS: context.bufferTargetS,
      starting: context.starting,
      segmentS: (boundariesS[index + 1] ?? 0) - (boundariesS[index] ?? 0) || 2,
    });
  }

  private async attempt(
    playback: Playback,
    quality: number,
    index: number,
    context: LoadContext,
    signal: AbortSignal,
  ): Promise<LoadedSegment> {
    const rendition = playback.renditions[quality] as Rendition;
    const fallback =
      context.fixedKbps === undefined ? playback.renditions[quality - 1]?.segments[index] : undefined;
    const segment = rendition.segments[index] as ByteRange;
    const known = this.inits.get(ladderOf(playback));
    const usual = context.starting ? "no-store" : "default";
    const cache = this.distrusted.remembers(rendition.id) ? "reload" : usual;
    return this.watched(segment, fallback, context, signal, async (within, onProgress) => {
      // One request brings both where the segment follows its init segment in the file.
      if (!known && rendition.init.offset + rendition.init.length === segment.offset) {
        const span = { offset: rendition.init.offset, length: rendition.init.length + segment.length };
        const bytes = await fetchRange(rendition.url, span, { signal: within, cache }, onProgress);
        const init = this.remember(playback, bytes.slice(0, rendition.init.length));
        return { rendition, init, media: bytes.slice(rendition.init.length) };
      }
      const [init, media] = await Promise.all([
        known ??
          fetchRange(rendition.url, rendition.init, { signal: within, cache }).then((b) =>
            this.remember(playback, b),
          ),
        fetchRange(rendition.url, segment, { signal: within, cache }, onProgress),
      ]);
      return { rendition, init, media };
    });
  }

  /**
   * Runs a download and measures it, from the answer's first byte on. Ends it when it is too slow for
   * the buffer, or when nothing arrives any more.
   */
  private async watched<T>(
    segment: ByteRange,
    fallback: ByteRange | undefined,
    context: LoadContext,
    signal: AbortSignal,
    download: (signal: AbortSignal, onProgress: OnProgress) => Promise<T>,
  ): Promise<T> {
    const abort = new AbortController();
    const startedAt = performance.now();
    let answeredAt = 0;
    let lastByteAt = startedAt;
    let receivedBytes = 0;
    const watch = setInterval(() => {
      const now = performance.now();
      const progress = {
        totalBytes: segment.length,
        receivedBytes,
        elapsedMs: now - startedAt,
        bufferS: context.bufferS(),
      };
      if (fallback && shouldAbandon({ ...progress, fallbackBytes: fallback.length })) {
        this.throughput.sample(receivedBytes, now - answeredAt);
        abort.abort(abandoned);
      } else if (now - lastByteAt > SILENCE_MS) {
        abort.abort(new TypeError("Nothing arrived for too long."));
      }
    }, WATCH_EVERY_MS);
    try {
      const result = await download(AbortSignal.any([signal, abort.signal]), (received) => {
        lastByteAt = performance.now();
        answeredAt ||= lastByteAt;
        receivedBytes = received;
      });
      this.throughput.sample(receivedBytes, lastByteAt - answeredAt);
      return result;
    } finally {
      clearInterval(watch);
    }
  }

  private remember(playback: Playback, init: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    this.inits.set(ladderOf(playback), init);
    for (const oldest of this.inits.keys()) {
      if (this.inits.size <= MAX_INITS) break;
      this.inits.delete(oldest);
    }
    return init;
  }
}

/** Renditions are named by their content, and the lowest stands for its ladder. */
function ladderOf({ renditions }: Playback): string {
  return renditions[0]?.id ?? "";
}
