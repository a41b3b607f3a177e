/** How long a change of gain fades, in seconds: short enough to go unheard, long enough not to click. */
const FADE_S = 0.02;

/** Decibels to a factor of amplitude. */
export function gainFactor(db: number): number {
  return 10 ** (db / 20);
}

/**
 * The audio element behind a gain: element → loudness gain → meter → speakers.
 * The graph is made on the first `resume`, inside the listener's gesture, as browsers demand. Volume is
 * the element's own, so that loudness (which may amplify) and volume stay apart.
 */
export class AudioOutput {
  readonly element: HTMLAudioElement;
  private readonly into: AudioNode | undefined;
  private context: AudioContext | undefined;
  private gain: GainNode | undefined;
  private meter: AnalyserNode | undefined;
  private samples = new Float32Array(0);
  private gainDb = 0;

  /** `into` is a node of an AudioContext that takes the place of the speakers; by default there is none. */
  constructor(element: HTMLAudioElement, into?: AudioNode) {
    this.element = element;
    this.into = into;
  }

  /** Opens the speakers. Call it within a click or a key press. */
  resume(): void {
    if (!this.context) {
      // "playback" would make a start and a seek some 25 ms later.
      const context = this.into
        ? (this.into.context as AudioContext)
        : new AudioContext({ latencyHint: "balanced" });
      const gain = new GainNode(context, { gain: gainFactor(this.gainDb) });
      const meter = new AnalyserNode(context, { fftSize: 1024 });
      context
        .createMediaElementSource(this.element)
        .connect(gain)
        .connect(meter)
        .connect(this.into ?? context.destination);
      this.context = context;
      this.gain = gain;
      this.meter = meter;
      this.samples = new Float32Array(meter.fftSize);
    }
    // Refused outside of a gesture; the next gesture resumes it.
    if (this.context.state !== "running") this.context.resume().catch(() => undefined);
  }

  /** Sets the loudness gain of what sounds from `inS` seconds on. Replaces a change still to come. */
  setGain(db: number, inS = 0): void {
    if (inS === 0) this.gainDb = db;
    if (!this.gain || !this.context) return;
    const at = this.context.currentTime + inS;
    this.gain.gain.cancelScheduledValues(this.context.currentTime);
    this.gain.gain.setTargetAtTime(gainFactor(db), at, FADE_S / 3);
  }

  /** Gives the speakers back, which closes their context. The element cannot be played on afterwards. */
  async close(): Promise<void> {
    this.element.removeAttribute("src");
    this.element.load();
    await this.context?.close();
  }

  /** What sounds now, as the root mean square of the samples, from 0 to about 1. */
  level(): number {
    if (!this.meter) return 0;
    this.meter.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, sample) => sum + sample * sample, 0);
    return Math.sqrt(power / Math.max(1, this.samples.length));
  }
}
