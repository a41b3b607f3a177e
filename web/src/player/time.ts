/** Milliseconds as `m:ss`, or `h:mm:ss` from an hour on. Rounds down, as clocks do. */
export function formatTime(ms: number): string {
  const total = Number.isFinite(ms) ? Math.max(0, Math.floor(ms / 1000)) : 0;
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  const seconds = String(total % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

/** Milliseconds as a person would say them: "48 min", "1 hr 12 min", "35 sec". */
export function formatLength(ms: number): string {
  if (ms < 60_000) return `${Math.round(ms / 1000)} sec`;
  const minutes = Math.round(ms / 60_000);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} hr ${minutes % 60} min`;
}
