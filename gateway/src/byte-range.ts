/** Both ends inclusive. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * One range of a `Range` header (RFC 9110, 14.2), clamped to the size. Undefined where the whole
 * object shall be sent: no header, another unit, several ranges or none that makes sense.
 */
export function parseRange(header: string | undefined, size: number): Range | "unsatisfiable" | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "");
  if (!match) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== "" && Number(last) < start) return undefined;
  return start >= size ? "unsatisfiable" : { start, end };
}
