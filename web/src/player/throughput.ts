const FAST_HALF_LIFE_S = 1;
const SLOW_HALF_LIFE_S = 4;
/** Smaller answers measure latency, not throughput. */
const MIN_SAMPLE_BYTES = 4096;
/**
 * More than any quality needs, in kilobits a second. What comes from the browser's cache seems faster
 * still, and would hide for long that the link is not.
 */
const CAP_KBPS = 6_000;

interface Average {
  readonly halfLifeS: number;
  kilobits: number;
  seconds: number;
}

function observe(average: Average, kilobits: number, seconds: number): void {
  const keep = 0.5 ** (seconds / average.halfLifeS);
  average.kilobits = average.kilobits * keep + kilobits;
  average.seconds = average.seconds * keep + seconds;
}

/**
 * Estimates throughput from finished downloads: bits over seconds, both fading, over a short memory and
 * a longer one. The lower of the two counts, so that a drop is believed at once and a rise when it lasts.
 */
export class ThroughputEstimator {
  private readonly fast: Average = { halfLifeS: FAST_HALF_LIFE_S, kilobits: 0, seconds: 0 };
  private readonly slow: Average = { halfLifeS: SLOW_HALF_LIFE_S, kilobits: 0, seconds: 0 };
  private readonly initialKbps: number;

  /** `initialKbps` is what to assume before the first sample. */
  constructor(initialKbps: number) {
    this.initialKbps = initialKbps;
  }

  /**
   * Takes note of `bytes` that took `durationMs` from the first to the last: how long the answer was
   * waited for is latency. Samples too small to tell are dropped.
   */
  sample(bytes: number, durationMs: number): void {
    if (bytes < MIN_SAMPLE_BYTES) return;
    const kilobits = (bytes * 8) / 1000;
    const seconds = Math.max(durationMs / 1000, kilobits / CAP_KBPS);
    observe(this.fast, kilobits, seconds);
    observe(this.slow, kilobits, seconds);
  }

  /** In kilobits a second. */
  get kbps(): number {
    if (this.slow.seconds === 0) return this.initialKbps;
    const rate = ({ kilobits, seconds }: Average) => kilobits / seconds;
    return Math.min(rate(this.fast), rate(this.slow));
  }
}
