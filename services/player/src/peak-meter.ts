/** How many bars a waveform is drawn with. */
const PARTS = 200;
const WINDOW_SAMPLES = 480;
/** What unsigned 8-bit audio calls silence. */
const ZERO = 128;

/** Measures the peaks of music that flows by, unsigned 8-bit, one channel: enough for a waveform. */
export class PeakMeter {
  /** The loudest of each window, 0 to 128. */
  readonly #windows: number[] = [];
  #loudest = 0;
  /** Samples in the window that is not full yet. */
  #begun = 0;

  push(samples: Uint8Array): void {
    for (const sample of samples) {
      const level = Math.abs(sample - ZERO);
      if (level > this.#loudest) this.#loudest = level;
      if (++this.#begun === WINDOW_SAMPLES) this.#endWindow();
    }
  }

  /** The peak of each of 200 equal parts, 0 (silence) to 255 (full scale); empty where nothing came. */
  peaks(): Uint8Array<ArrayBuffer> {
    if (this.#begun > 0) this.#endWindow();
    const { length } = this.#windows;
    const peaks = new Uint8Array(length === 0 ? 0 : PARTS);
    for (let part = 0; part < peaks.length; part++) {
      const start = Math.floor((part * length) / PARTS);
      const end = Math.max(start + 1, Math.floor(((part + 1) * length) / PARTS));
      for (let i = start; i < end; i++) {
        peaks[part] = Math.max(peaks[part]!, Math.min(255, this.#windows[i]! * 2));
      }
    }
    return peaks;
  }

  #endWindow(): void {
    this.#windows.push(this.#loudest);
    this.#loudest = 0;
    this.#begun = 0;
  }
}
