const FAST_HALF_LIFE_S = 2;
const SLOW_HALF_LIFE_S = 8;
/** Smaller answers measure latency, not throughput. */
const MIN_SAMPLE_BYTES = 4096;

interface Average {
  readonly halfLifeS: number;
  estimate: number;
  weight: number;
}

function observe(average: Average, valueKbps: number, durationS: number): void {
  const keep = 0.5 ** (durationS / average.halfLifeS);
  average.estimate = average.estimate * keep + valueKbps * (1 - keep);
  average.weight = average.weight * keep + (1 - keep);
}

/**
 * Estimates throughput from finished downloads: the lower of a fast and a slow exponentially
 * weighted average, so that a drop is believed at once and a rise only when it lasts.
 * Source: the estimator of dash.js and Shaka Player.
 */
export class ThroughputEstimator {
  private readonly fast: Average = { halfLifeS: FAST_HALF_LIFE_S, estimate: 0, weight: 0 };
  private readonly slow: Average = { halfLifeS: SLOW_HALF_LIFE_S, estimate: 0, weight: 0 };
  private readonly initialKbps: number;

  /** `initialKbps` is what to assume before the first sample. */
  constructor(initialKbps: number) {
    this.initialKbps = initialKbps;
  }

  /** Takes note of `bytes` that arrived within `durationMs`. Samples too small to tell are dropped. */
  sample(bytes: number, durationMs: number): void {
    if (bytes < MIN_SAMPLE_BYTES || durationMs <= 0) return;
    const kbps = (bytes * 8) / durationMs;
    // A floor on the weight: short downloads on a fast link would otherwise never count.
    const durationS = Math.max(durationMs / 1000, 0.1);
    observe(this.fast, kbps, durationS);
    observe(this.slow, kbps, durationS);
  }

  /** In kilobits a second. */
  get kbps(): number {
    if (this.slow.weight === 0) return this.initialKbps;
    const mean = (average: Average) => average.estimate / average.weight;
    return Math.min(mean(this.fast), mean(this.slow));
  }
}
