import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What a hostile client does on one connection. */
export interface Attack {
  readonly kind: string;
  /** Written one after the other. */
  readonly pieces: readonly Uint8Array[];
  /** Between two pieces; 0 leaves it to the kernel. */
  readonly pauseMs: number;
  /** Whether it takes what it is sent. */
  readonly reads: boolean;
  /** It closes its half, or goes away, or waits for an answer first. */
  readonly end: "half" | "away" | "wait";
}

/** How long it waits for an answer. */
const PATIENCE_MS = 100;

/** Resolves when the connection is gone. */
export async function carryOut({ pieces, pauseMs, reads, end }: Attack, port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  const closed = new Promise((resolve) => socket.once("close", resolve));
  // A reset is what it asks for.
  socket.on("error", () => {});
  if (reads) socket.resume();
  for (const piece of pieces) {
    if (!socket.writable) break;
    socket.write(piece);
    if (pauseMs > 0) await sleep(pauseMs);
  }
  if (end === "half") socket.end();
  if (end !== "away") await Promise.race([closed, sleep(PATIENCE_MS)]);
  // What it has written is given to the kernel before it goes.
  if (socket.writable && socket.writableLength > 0) await Promise.race([closed, sleep(PATIENCE_MS)]);
  socket.destroy();
  await closed;
}
