import { randomFillSync } from "node:crypto";

const VALID = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

// One system call for many ids.
const pool = Buffer.alloc(24 * 170);
let used = pool.length;

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString("hex", used - bytes, used);
}

/**
 * The trace context of a hop: the caller's trace with a span of its own, or a new trace where the
 * caller sent none or one that is malformed. Source: W3C Trace Context, version 00.
 */
export function continueTrace(received: string | undefined): string {
  if (received !== undefined && VALID.test(received)) {
    return `${received.slice(0, 36)}${randomHex(8)}${received.slice(52)}`;
  }
  const ids = randomHex(24);
  return `00-${ids.slice(0, 32)}-${ids.slice(32)}-01`;
}

/** The trace's id, 32 hexadecimal digits. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}
