import { backoffMs, pause } from "../player/backoff.ts";
import type { ChangeInit } from "./queue-changes.ts";

/** What is sent in one step. */
export interface Batch {
  /** Names the step, so that it counts once however often it is sent. */
  readonly key: string;
  /** The version of the queue that the listener saw. */
  readonly baseVersion: bigint;
  readonly changes: readonly ChangeInit[];
}

export interface OutboxPorts {
  /** Resolves with the version of the queue that has the batch. */
  send(batch: Batch, signal: AbortSignal): Promise<bigint>;
  /** Whether trying again cannot help. */
  isFinal(error: unknown): boolean;
  /** A batch was refused: nothing of it will ever be. */
  onRefused(error: unknown): void;
  /** Nothing waits any more. */
  onIdle(): void;
}

/** As many as the contract takes. */
const MAX_CHANGES = 100;

/**
 * Changes on their way: sent in order, again and again while the network is away, and together where they
 * were made while others were on their way.
 */
export class ChangeOutbox {
  /** The latest version that has changes of ours. */
  version = 0n;
  private readonly ports: OutboxPorts;
  private readonly waiting: { key: string; baseVersion: bigint; changes: ChangeInit[] }[] = [];
  private running = false;
  private readonly stopped = new AbortController();

  constructor(ports: OutboxPorts) {
    this.ports = ports;
  }

  /** Whether the listener sees something that the server has not confirmed. */
  get isBusy(): boolean {
    return this.running;
  }

  /** Takes changes, and says under which key they are sent. */
  push(changes: readonly ChangeInit[], baseVersion: bigint): string {
    let batch = this.waiting.at(-1);
    if (!batch || batch.changes.length + changes.length > MAX_CHANGES) {
      batch = { key: crypto.randomUUID(), baseVersion, changes: [] };
      this.waiting.push(batch);
    }
    const isSeek = changes.length === 1 && changes[0]?.case === "seek";
    // Of a slider that is dragged only the last position counts.
    if (isSeek && batch.changes.at(-1)?.case === "seek") batch.changes.pop();
    batch.changes.push(...changes);
    if (!this.running) void this.run();
    return batch.key;
  }

  /** Sends nothing any more. */
  stop(): void {
    this.waiting.length = 0;
    this.stopped.abort();
  }

  private async run(): Promise<void> {
    this.running = true;
    const { signal } = this.stopped;
    // What is pushed in the same turn goes together.
    await Promise.resolve();
    for (let batch = this.waiting.shift(); batch && !signal.aborted; batch = this.waiting.shift()) {
      await this.deliver(batch, signal).catch(() => undefined);
    }
    this.running = false;
    if (!signal.aborted) this.ports.onIdle();
  }

  private async deliver(batch: Batch, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.version = await this.ports.send(batch, signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (this.ports.isFinal(error)) {
          this.ports.onRefused(error);
          return;
        }
        await pause(backoffMs(attempt), signal);
      }
    }
  }
}
