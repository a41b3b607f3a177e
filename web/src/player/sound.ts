import { AudioOutput } from "./output.ts";
import type { PlayerState } from "./player-types.ts";
import { writeSettings } from "./settings.ts";
import type { Store } from "./store.ts";
import { ThroughputEstimator } from "./throughput.ts";

/** How loud it is, and how fast the line: shown in the state, and kept between visits with the chosen quality. */
export class Sound {
  readonly output: AudioOutput;
  readonly throughput: ThroughputEstimator;
  private readonly store: Store<PlayerState>;

  /** Takes volume and mute from the state; `throughputKbps` is what to assume before the first download. */
  constructor(element: HTMLAudioElement, store: Store<PlayerState>, throughputKbps: number) {
    this.output = new AudioOutput(element);
    this.throughput = new ThroughputEstimator(throughputKbps);
    this.store = store;
    this.obey();
  }

  /** From 0 to 1. Makes it audible again where it was muted. */
  setVolume(volume: number): void {
    this.set({ volume: Math.min(Math.max(0, volume), 1), muted: false });
  }

  toggleMute(): void {
    this.set({ muted: !this.store.state.muted });
  }

  /** Keeps what is set, and how fast the line is, for the next visit. */
  keep(): void {
    const { volume, muted, qualityKbps } = this.store.state;
    const throughputKbps = Math.round(this.throughput.kbps);
    writeSettings(localStorage, { volume, muted, throughputKbps, qualityKbps });
  }

  private set(change: Partial<Pick<PlayerState, "volume" | "muted">>): void {
    this.store.update(change);
    this.obey();
    this.keep();
  }

  private obey(): void {
    const { element } = this.output;
    element.volume = this.store.state.volume;
    element.muted = this.store.state.muted;
  }
}
