import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import type { Deck } from "./deck.ts";
import { Decks } from "./decks.ts";
import { Engine } from "./engine.ts";
import { playbackOpener } from "./open-playback.ts";
import { UnsupportedAudioError } from "./playback.ts";
import {
  type Command,
  idleState,
  type PlayerPorts,
  type PlayerState,
  type PlayerStats,
} from "./player-types.ts";
import { QualityLog } from "./quality-log.ts";
import type { Queue, QueueItem } from "./queue.ts";
import * as queues from "./queue.ts";
import { Radio } from "./radio.ts";
import { ReportQueue } from "./report-queue.ts";
import { Reporter } from "./reporter.ts";
import { readSettings } from "./settings.ts";
import { Sound } from "./sound.ts";
import { Store } from "./store.ts";

/** Pressing "previous" later than this plays the track from its start. */
const RESTART_AFTER_S = 3;
/** Radio is asked for so long before the queue ends, that it follows without a gap. */
const RADIO_AHEAD_S = 45;
/** Told to be so near to where it is, the music goes on undisturbed. */
const NEAR_S = 0.75;

/** The queue, played: the one object that the page talks to. Knows no framework. */
export class Player {
  private readonly ports: PlayerPorts;
  private readonly store: Store<PlayerState>;
  private readonly sound: Sound;
  private readonly engine: Engine;
  private readonly decks: Decks;
  private readonly reporter: Reporter;
  private readonly radio: Radio;
  private readonly followers = new Set<(command: Command) => void>();
  private readonly seen = { startMs: 0, stalls: 0, qualityChanges: 0 };

  constructor(element: HTMLAudioElement, ports: PlayerPorts) {
    this.ports = ports;
    const settings = readSettings(localStorage);
    this.store = new Store(idleState(settings));
    this.sound = new Sound(element, this.store, settings.throughputKbps);
    this.radio = new Radio(ports.radio);
    this.engine = new Engine(this.sound.output, this.sound.throughput, {
      open: playbackOpener(ports, this.sound.throughput, () => this.state.queue),
      isFinal: (error) => error instanceof UnsupportedAudioError || ports.isFinal(error),
      onChange: () => this.refresh(),
      onTime: () => this.onTime(),
      onStarted: (playback, startMs) => {
        this.reporter.started(playback, startMs);
        this.seen.startMs = startMs;
        this.sound.keep();
      },
      onAdvance: () => this.onAdvance(),
      onEnded: () => void this.onEnded(),
      onStalled: () => {
        this.seen.stalls++;
        this.reporter.stalled();
      },
      onFailed: (cue, error) => this.onFailed(cue.uid, error),
    });
    this.engine.setQuality(settings.qualityKbps);
    this.decks = new Decks(this.engine, () => this.refresh());
    const quality = new QualityLog(ports.reportQuality, ports.appVersion);
    addEventListener("pagehide", () => quality.flush());
    this.reporter = new Reporter(new ReportQueue(ports.reportPlayback, ports.isFinal), quality, () => ({
      positionS: this.engine.positionS,
      bufferS: this.engine.bufferS,
      rendition: this.engine.rendition,
    }));
  }

  /** Calls `listener` whenever `getState` gives a new object. Returns what ends that. */
  readonly subscribe = (listener: () => void): (() => void) => this.store.subscribe(listener);

  readonly getState = (): PlayerState => this.store.state;

  /** Calls `listener` with everything that the listener, or the end of a track, makes this player do. */
  onCommand(listener: (command: Command) => void): () => void {
    this.followers.add(listener);
    return () => this.followers.delete(listener);
  }

  /** Read it as often as it is drawn: it is not part of the state, which would change all the time. */
  get positionMs(): number {
    const positionMs = this.decks.positionS * 1000;
    const { durationMs } = this.state;
    return durationMs > 0 ? Math.min(positionMs, durationMs) : positionMs;
  }

  /** What sounds right now, from 0 (silence) to about 1. */
  get level(): number {
    return this.sound.output.level();
  }

  /** Read it as often as it is shown. */
  stats(): PlayerStats {
    const { engine } = this;
    return {
      codec: /codecs="(.+)"/.exec(engine.rendition?.mimeType ?? "")?.[1] ?? "",
      bitrateKbps: this.state.bitrateKbps,
      bufferS: engine.bufferS,
      throughputKbps: this.sound.throughput.kbps,
      ...this.seen,
    };
  }

  /** The highest bitrate to play, however slow the line; undefined leaves it to the moment. */
  setQuality(qualityKbps: number | undefined): void {
    this.engine.setQuality(qualityKbps);
    this.update({ qualityKbps });
    this.sound.keep();
  }

  /** Replaces the queue and plays it from `start` on. */
  playTracks(tracks: readonly Track[], start: number, origin: string): void {
    if (tracks.length === 0) return;
    this.change(queues.replaceQueue(this.state.queue, tracks, start, origin));
    this.playCurrent();
  }

  /** Plays another entry of the queue. */
  playAt(index: number): void {
    this.update({ queue: queues.jumpTo(this.state.queue, index) });
    this.playCurrent();
  }

  /** Adds tracks to the queue; where nothing plays, they do. */
  enqueue(tracks: readonly Track[], where: "next" | "end", origin: string): void {
    const wasEmpty = this.state.queue.index < 0;
    this.edit((queue) =>
      where === "next" ? queues.insertNext(queue, tracks, origin) : queues.append(queue, tracks, origin),
    );
    if (wasEmpty) this.playCurrent();
  }

  /** Changes what comes next with one of the functions of `queue.ts`, while the music goes on. */
  edit(change: (queue: Queue) => Queue): void {
    this.change(change(this.state.queue));
    this.prepareNext();
  }

  toggle(): void {
    if (this.deck.wantsToPlay) this.pause();
    else this.resume();
  }

  pause(): void {
    this.deck.pause();
    this.tell({ kind: "playing", playing: false });
  }

  resume(): void {
    const item = queues.currentItem(this.state.queue);
    if (this.deck.isLoaded) this.deck.play();
    else if (item) this.start(item, this.decks.positionS);
    else return;
    this.tell({ kind: "playing", playing: true });
  }

  /** The next track; behind the last one, radio. */
  next(): void {
    const index = queues.nextIndex(this.state.queue, "listener");
    if (index !== undefined) this.playAt(index);
    else void this.continueWithRadio().then((found) => found && this.next());
  }

  /** The track's start, or the track before where it has hardly begun. */
  previous(): void {
    const index = queues.previousIndex(this.state.queue);
    if (index === undefined || this.decks.positionS > RESTART_AFTER_S) this.seek(0);
    else this.playAt(index);
  }

  seek(positionMs: number): void {
    const positionS = Math.min(Math.max(0, positionMs), this.state.durationMs) / 1000;
    this.decks.seek(positionS);
    // What was leapt over was not heard, however short.
    this.reporter.tick(false);
    this.tell({ kind: "seek", positionMs: Math.round(positionS * 1000) });
  }

  /** From 0 to 1. Makes it audible again where it was muted. */
  setVolume(volume: number): void {
    this.sound.setVolume(volume);
  }

  toggleMute(): void {
    this.sound.toggleMute();
  }

  /** Silence, and an empty queue: at sign-out. */
  clear(): void {
    this.update({ queue: { ...queues.emptyQueue, repeat: this.state.queue.repeat } });
    this.rest(0);
  }

  /** Shows a queue as it was changed elsewhere. */
  adopt(queue: Queue): void {
    this.update({ queue });
    this.prepareNext();
    this.refresh();
  }

  /** Another device plays the current track: this one is silent, shows it, and commands it. */
  playElsewhere(positionMs: number, playing: boolean): void {
    if (!this.decks.isElsewhere) this.silence();
    this.decks.goElsewhere(positionMs / 1000, playing);
  }

  /** This device is told to play the current track, or not to. */
  playHere(positionMs: number, playing: boolean): void {
    this.decks.comeHere();
    const item = queues.currentItem(this.state.queue);
    const positionS = positionMs / 1000;
    if (item && this.engine.cue?.uid === item.uid) {
      if (Math.abs(this.engine.positionS - positionS) > NEAR_S) this.engine.seek(positionS);
      if (playing) this.engine.play();
      else this.engine.pause();
    } else {
      this.rest(positionMs);
      if (item && playing) this.start(item, positionS);
    }
  }

  /** No device plays: the current track can be gone on with here. */
  rest(positionMs: number): void {
    this.decks.comeHere();
    this.silence();
    this.decks.restAt(positionMs / 1000);
    this.refresh();
  }

  private silence(): void {
    this.reporter.over("left");
    this.engine.stop();
  }

  /** Silence for good, and the speakers given back: a page that goes on without the player. */
  async close(): Promise<void> {
    this.clear();
    await this.sound.output.close();
  }

  private playCurrent(): void {
    const item = queues.currentItem(this.state.queue);
    if (!item) return;
    this.tell({ kind: "jump", uid: item.uid });
    this.start(item, 0);
  }

  private start(item: QueueItem, positionS: number): void {
    this.reporter.over("left");
    this.deck.load(cueOf(item), positionS);
    this.deck.play();
    this.prepareNext();
  }

  private prepareNext(): void {
    if (!this.deck.isLoaded) return;
    const { queue } = this.state;
    const index = queues.nextIndex(queue, "auto");
    const item = index === undefined ? undefined : queue.items[index];
    this.deck.setNext(item && cueOf(item));
  }

  private onTime(): void {
    this.reporter.tick(this.engine.wantsToPlay && !this.engine.isWaiting);
    const left = this.state.durationMs / 1000 - this.engine.positionS;
    const isLast = queues.nextIndex(this.state.queue, "auto") === undefined;
    if (isLast && this.state.durationMs > 0 && left < RADIO_AHEAD_S) void this.continueWithRadio();
    this.refresh();
  }

  private onAdvance(): void {
    this.reporter.over("ended");
    const { queue } = this.state;
    const after = queues.jumpTo(queue, queues.nextIndex(queue, "auto") ?? queue.index);
    const [from, to] = [queues.currentItem(queue), queues.currentItem(after)];
    this.update({ queue: after });
    if (from && to) this.tell({ kind: "jump", uid: to.uid, from: from.uid });
    this.prepareNext();
  }

  private async onEnded(): Promise<void> {
    this.reporter.over("ended");
    const { queue } = this.state;
    if (queues.nextIndex(queue, "auto") === undefined) await this.continueWithRadio();
    const index = queues.nextIndex(this.state.queue, "auto");
    if (index === undefined) this.engine.pause();
    else if (this.state.queue.index === queue.index) this.playAt(index);
  }

  private async continueWithRadio(): Promise<boolean> {
    const tracks = await this.radio.after(this.state.queue);
    if (tracks.length > 0) this.edit((queue) => queues.append(queue, tracks, "Radio"));
    return tracks.length > 0;
  }

  private onFailed(uid: string, error: unknown): void {
    this.reporter.failed();
    const { queue } = this.state;
    const index = queue.items.findIndex((item) => item.uid === uid);
    const item = queue.items[index];
    if (!item) return;
    const wasCurrent = index === queue.index;
    const following = queues.nextIndex(queue, "listener");
    if (wasCurrent && following !== undefined && following > index) this.playAt(following);
    if (!wasCurrent || following !== undefined) this.edit((q) => queues.removeItem(q, uid));
    this.ports.onFailed(item.track, error);
  }

  private refresh(): void {
    const { engine, deck } = this;
    const playing = deck.wantsToPlay ? (deck.isWaiting ? "waiting" : "playing") : "paused";
    const item = queues.currentItem(this.state.queue);
    const bitrateKbps = engine.rendition?.bitrateKbps ?? 0;
    if (bitrateKbps !== 0 && this.state.bitrateKbps !== 0 && bitrateKbps !== this.state.bitrateKbps)
      this.seen.qualityChanges++;
    this.update({
      status: item && deck.isLoaded ? playing : "idle",
      durationMs: deck.durationS * 1000 || (item?.track.durationMs ?? 0),
      peaks: engine.playback?.peaks,
      bitrateKbps,
      ladderKbps: engine.playback?.renditions.map((r) => r.bitrateKbps) ?? [],
      reconnecting: engine.reconnecting,
    });
  }

  private get deck(): Deck {
    return this.decks.current;
  }

  private change(queue: Queue): void {
    const before = this.state.queue;
    this.update({ queue });
    this.tell({ kind: "queue", before, after: queue });
  }

  private tell(command: Command): void {
    for (const follow of this.followers) follow(command);
  }

  private get state(): PlayerState {
    return this.store.state;
  }

  private update(change: Partial<PlayerState>): void {
    this.store.update(change);
  }
}

function cueOf(item: QueueItem) {
  return { uid: item.uid, trackId: item.track.id };
}
