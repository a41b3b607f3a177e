import type { Socket } from "node:net";

interface Progress {
  bytesWritten: number;
  sinceMs: number;
}

/**
 * Cuts connections whose peer has not taken a byte for `timeoutMs` although bytes wait for it, or has not closed
 * its half although ours is. One on which there is nothing to send is left alone. Returns how to stop.
 */
export function cutStalled(sockets: ReadonlySet<Socket>, timeoutMs: number): () => void {
  const seen = new WeakMap<Socket, Progress>();
  const check = () => {
    const nowMs = performance.now();
    for (const socket of sockets) {
      const { bytesWritten, writableLength, writableEnded } = socket;
      // Bytes that wait count as written in Node's eyes.
      const takenBytes = bytesWritten - writableLength;
      const last = seen.get(socket);
      if (writableLength === 0 && !writableEnded) seen.delete(socket);
      else if (last?.bytesWritten !== takenBytes)
        seen.set(socket, { bytesWritten: takenBytes, sinceMs: nowMs });
      else if (nowMs - last.sinceMs >= timeoutMs) socket.destroy();
    }
  };
  const timer = setInterval(check, Math.ceil(timeoutMs / 5));
  timer.unref();
  return () => clearInterval(timer);
}
