import type { Deck } from "./deck.ts";

/** Shows what another device plays: its clock runs here, and what is wished for shows before it is obeyed. */
export class RemoteDeck implements Deck {
  readonly isLoaded = true;
  readonly isWaiting = false;
  readonly durationS = 0;
  wantsToPlay = false;
  private atS = 0;
  private sinceMs = performance.now();
  private readonly onChange: () => void;

  constructor(onChange: () => void) {
    this.onChange = onChange;
  }

  get positionS(): number {
    return this.wantsToPlay ? this.atS + (performance.now() - this.sinceMs) / 1000 : this.atS;
  }

  /** The other device is there. */
  place(positionS: number, playing: boolean): void {
    this.atS = positionS;
    this.sinceMs = performance.now();
    this.wantsToPlay = playing;
    this.onChange();
  }

  load(_cue: unknown, positionS = 0): void {
    this.place(positionS, this.wantsToPlay);
  }

  /** The other device sees to it. */
  setNext(): void {}

  play(): void {
    this.place(this.positionS, true);
  }

  pause(): void {
    this.place(this.positionS, false);
  }

  seek(positionS: number): void {
    this.place(Math.max(0, positionS), this.wantsToPlay);
  }

  stop(): void {
    this.place(0, false);
  }
}
