import { randomBytes } from "node:crypto";

const VALID = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

// One system call for many ids, which are parts of one string until they are sent.
const POOL_BYTES = 4096;
let pool = "";
let used = 0;

function randomHex(bytes: number): string {
  if (used + 2 * bytes > pool.length) {
    pool = randomBytes(POOL_BYTES).toString("hex");
    used = 0;
  }
  used += 2 * bytes;
  return pool.slice(used - 2 * bytes, used);
}

/**
 * The trace context of a hop: the caller's trace with a span of its own, or a new trace where the
 * caller sent none or one that is malformed. Source: W3C Trace Context, version 00.
 */
export function continueTrace(received: string | undefined): string {
  if (received !== undefined && VALID.test(received)) {
    return `${received.slice(0, 36)}${randomHex(8)}${received.slice(52)}`;
  }
  return `00-${randomHex(16)}-${randomHex(8)}-01`;
}

/** The trace's id, 32 hexadecimal digits. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}
