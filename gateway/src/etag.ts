/** Whether an `If-None-Match` names this ETag (RFC 9110, 13.1.2), weakly compared. */
export function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch
    .split(",")
    .some((tag) => tag.trim().replace(/^W\//, "") === `"${etag}"` || tag.trim() === "*");
}
