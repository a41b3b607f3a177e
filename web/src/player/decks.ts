import type { Deck } from "./deck.ts";
import { RemoteDeck } from "./remote-deck.ts";

/** Where the current track plays: here, on another device, or not at the moment. Times in seconds. */
export class Decks {
  private readonly here: Deck;
  private readonly onChange: () => void;
  private remote: RemoteDeck | undefined;
  private restS = 0;

  /** `onChange` is called when another device is told something. */
  constructor(here: Deck, onChange: () => void) {
    this.here = here;
    this.onChange = onChange;
  }

  /** What plays, or will. */
  get current(): Deck {
    return this.remote ?? this.here;
  }

  get isElsewhere(): boolean {
    return this.remote !== undefined;
  }

  /** Where the track is; where nothing is loaded, where it goes on. */
  get positionS(): number {
    return this.current.isLoaded ? this.current.positionS : this.restS;
  }

  seek(positionS: number): void {
    if (this.current.isLoaded) this.current.seek(positionS);
    else this.restS = positionS;
  }

  /** Another device plays. */
  goElsewhere(positionS: number, playing: boolean): void {
    this.remote ??= new RemoteDeck(this.onChange);
    this.remote.place(positionS, playing);
  }

  /** This device plays. */
  comeHere(): void {
    this.remote = undefined;
  }

  /** Nothing is loaded: the track goes on from there. */
  restAt(positionS: number): void {
    this.restS = positionS;
  }
}
