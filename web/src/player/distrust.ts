/** How long a rendition is left out after its first failure. After each further one: twice as long. */
const FIRST_PAUSE_MS = 60_000;

interface Failures {
  readonly count: number;
  readonly untilMs: number;
}

/**
 * Renditions that the browser could not decode. What was wrong may be gone the next time: bytes that were
 * altered on the way, or a decoder out of breath. So a rendition is left out for a minute, and for longer only
 * where it fails again. Of those that failed ever, the browser's cache is not trusted.
 */
export class Distrust {
  private readonly failures = new Map<string, Failures>();

  /** A rendition failed. Does nothing while it is left out: one failure may be told of twice. */
  add(renditionId: string): void {
    if (this.includes(renditionId)) return;
    const count = (this.failures.get(renditionId)?.count ?? 0) + 1;
    const untilMs = performance.now() + FIRST_PAUSE_MS * 2 ** (count - 1);
    this.failures.set(renditionId, { count, untilMs });
  }

  /** Whether to leave a rendition out for now. */
  includes(renditionId: string): boolean {
    return performance.now() < (this.failures.get(renditionId)?.untilMs ?? 0);
  }

  /** Whether a rendition ever failed. */
  remembers(renditionId: string): boolean {
    return this.failures.has(renditionId);
  }
}
