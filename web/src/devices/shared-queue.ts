import type { Device, QueueService } from "@antiphon/proto/antiphon/player/v1/queue";
import type { Client } from "@connectrpc/connect";
import { backoffMs, pause } from "../player/backoff.ts";
import type { Player } from "../player/player.ts";
import type { Command, PlayerStatus } from "../player/player-types.ts";
import { currentItem } from "../player/queue.ts";
import { Store } from "../player/store.ts";
import { ChangeOutbox } from "./change-outbox.ts";
import type { OwnDevice } from "./device.ts";
import { type ChangeInit, changesBetween } from "./queue-changes.ts";
import { QueueView } from "./queue-view.ts";
import { untilHidden, whenSeen } from "./visibility.ts";

/** What the page shows of the listener's devices. A new object whenever something in it changed. */
export interface Devices {
  /** Those that are there, this one with them. */
  readonly all: readonly Device[];
  /** The one that plays, or did last, as long as it is there. */
  readonly active: Device | undefined;
  /** Another device plays, or would. */
  readonly isElsewhere: boolean;
  /** The server has told of the queue, or cannot be asked: what the page has is what there is. */
  readonly isKnown: boolean;
}

export interface SharedQueuePorts {
  readonly queue: Pick<
    Client<typeof QueueService>,
    "watchQueue" | "applyQueueChanges" | "transfer" | "reportDevice"
  >;
  /** Whether trying again cannot help. */
  isFinal(error: unknown): boolean;
}

const REPORT_EVERY_MS = 5_000;
const NONE: Devices = { all: [], active: undefined, isElsewhere: false, isKnown: false };

/**
 * Keeps the player's queue and the listener's other devices' in step: what this page does is shown at once
 * and sent; what others do is shown as it comes, but for while changes of this page are on their way, whose
 * answer brings both. The device that plays obeys each command about the playhead once, by its anchor.
 */
export class SharedQueue {
  readonly own: OwnDevice;
  private readonly player: Player;
  private readonly ports: SharedQueuePorts;
  private readonly store = new Store<Devices>(NONE);
  private readonly view = new QueueView();
  private outbox: ChangeOutbox | undefined;
  /** The last command about the playhead that was done here, and the last one that the server has told of. */
  private obeyed = "";
  private confirmed = "";
  private status: PlayerStatus = "idle";

  constructor(player: Player, own: OwnDevice, ports: SharedQueuePorts) {
    this.player = player;
    this.own = own;
    this.ports = ports;
  }

  /** Calls `listener` whenever `getState` gives a new object. Returns what ends that. */
  readonly subscribe = (listener: () => void): (() => void) => this.store.subscribe(listener);

  readonly getState = (): Devices => this.store.state;

  /**
   * Shares the queue of who is signed in, until the function that it gives is called. `onRefused` hears of what
   * the listener did and is not done: it is taken back.
   */
  start(onRefused: (error: unknown) => void): () => void {
    const stopped = new AbortController();
    const outbox = new ChangeOutbox({
      send: async ({ key, baseVersion, changes }, signal) => {
        const answer = await this.ports.queue.applyQueueChanges(
          {
            deviceId: this.own.id,
            baseVersion,
            changes: changes.map((change) => ({ change })),
            idempotencyKey: key,
          },
          { signal },
        );
        return answer.state?.version ?? 0n;
      },
      isFinal: this.ports.isFinal,
      onRefused: (error) => {
        this.obeyed = "";
        onRefused(error);
      },
      onIdle: () => this.show(),
    });
    this.outbox = outbox;
    const unfollow = this.player.onCommand((command) => this.onCommand(command));
    const unsubscribe = this.player.subscribe(() => this.onPlayer());
    const timer = setInterval(() => this.report(), REPORT_EVERY_MS);
    void this.watch(stopped.signal).catch(() => undefined);
    return () => {
      stopped.abort();
      outbox.stop();
      unfollow();
      unsubscribe();
      clearInterval(timer);
      this.outbox = undefined;
      this.view.reset();
      this.store.update(NONE);
    };
  }

  /** Lets a device play: this one, or another. Rejects where it is not there. */
  async transfer(toDeviceId: string): Promise<void> {
    await this.ports.queue.transfer({ toDeviceId, play: true, idempotencyKey: crypto.randomUUID() });
  }

  private async watch(stopped: AbortSignal): Promise<void> {
    const isWanted = () => !document.hidden || this.isPlaying;
    for (let attempt = 1; !stopped.aborted; attempt++) {
      await whenSeen(isWanted, stopped);
      const signal = AbortSignal.any([stopped, untilHidden(isWanted)]);
      try {
        this.view.reset();
        for await (const update of this.ports.queue.watchQueue({ device: this.own }, { signal })) {
          attempt = 0;
          const isFirst = !this.view.isWhole;
          this.view.take(update);
          this.show();
          if (isFirst) this.report();
        }
      } catch {
        // Whatever it was, the queue goes on here, and is shared again as soon as that works.
        this.store.update({ isKnown: true });
      }
      await pause(backoffMs(attempt + 1), stopped);
    }
  }

  /** Music sounds here, or is about to. */
  private get isPlaying(): boolean {
    const { status } = this.player.getState();
    return !this.store.state.isElsewhere && (status === "playing" || status === "waiting");
  }

  private onCommand(command: Command): void {
    const changes = changesOf(command);
    if (changes.length === 0 || !this.outbox) return;
    const key = this.outbox.push(changes, this.view.state?.version ?? 0n);
    if (command.kind !== "queue") this.obeyed = key;
  }

  /** The server's word, once it has all of ours. */
  private show(): void {
    const { outbox, view, player, own } = this;
    const { state } = view;
    if (!outbox || outbox.isBusy || !view.isWhole || !state || state.version < outbox.version) return;
    const { deviceId = "", anchor = "", playing = false } = state.playhead ?? {};
    const active = state.devices.find(({ id }) => id === deviceId);
    const isElsewhere = active !== undefined && active.id !== own.id;
    player.adopt(view.queue);
    if (isElsewhere) player.playElsewhere(view.positionMs, playing);
    else if (!active) player.rest(view.positionMs);
    else if (this.store.state.isElsewhere || anchor !== this.obeyed)
      player.playHere(view.positionMs, playing);
    this.obeyed = anchor;
    this.store.update({ all: state.devices, active, isElsewhere, isKnown: true });
    // The server guesses from the command on, and the music starts later than that.
    if (anchor !== this.confirmed) this.report();
    this.confirmed = anchor;
  }

  private onPlayer(): void {
    const { status } = this.player.getState();
    if (status === this.status) return;
    this.status = status;
    this.report();
  }

  /** Tells where the playhead is, where this device plays; who hears it too late hears it again. */
  private report(): void {
    const { outbox, store, own, player } = this;
    const { queue, status } = player.getState();
    const itemId = currentItem(queue)?.uid;
    if (!outbox || outbox.isBusy || store.state.active?.id !== own.id || !itemId || !this.obeyed) return;
    if (status === "idle") return;
    const report = {
      deviceId: own.id,
      itemId,
      anchor: this.obeyed,
      positionMs: Math.round(player.positionMs),
    };
    void this.ports.queue.reportDevice({ ...report, playing: status !== "paused" }).catch(() => undefined);
  }
}

function changesOf(command: Command): ChangeInit[] {
  switch (command.kind) {
    case "queue":
      return changesBetween(command.before, command.after);
    case "jump":
      return [{ case: "jump", value: { itemId: command.uid, fromItemId: command.from ?? "" } }];
    case "seek":
      return [{ case: "seek", value: { positionMs: command.positionMs } }];
    case "playing":
      return [{ case: "setPlaying", value: { playing: command.playing } }];
  }
}
