import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import type { PlayerPorts } from "./player-types.ts";
import { currentItem, type Queue } from "./queue.ts";

/** As many tracks as the contract lets us name as played. */
const MEMORY = 200;

/** Finds what to play when the queue has come to its end. */
export class Radio {
  private readonly ask: PlayerPorts["radio"];
  private seed: string | undefined;
  private asking: Promise<unknown> = Promise.resolve();

  constructor(ask: PlayerPorts["radio"]) {
    this.ask = ask;
  }

  /**
   * Tracks that go with the queue's current entry, given to the first who asks about it; who asks again
   * waits for the same answer and gets none. Empty where recommendations are away: the queue then ends.
   */
  async after(queue: Queue): Promise<readonly Track[]> {
    const item = currentItem(queue);
    if (!item) return [];
    if (this.seed === item.uid) {
      await this.asking;
      return [];
    }
    this.seed = item.uid;
    const played = [...new Set(queue.items.map(({ track }) => track.id))].slice(-MEMORY);
    const asking = this.ask(item.track.id, played).catch(() => {
      this.seed = undefined;
      return [];
    });
    this.asking = asking;
    return (await asking).filter((track) => track.playable);
  }
}
