/** One result against one peer; printed as one line of JSON. */
export interface Line {
  readonly bench: string;
  readonly metric: string;
  readonly unit: string;
  /** How many samples stand behind `ours`. */
  readonly n: number;
  /** How many operations were asked for, and how many succeeded, of ours. */
  readonly offered: number;
  readonly achieved: number;
  readonly ours: number;
  /** The peer's name. */
  readonly against: string;
  readonly peer: number;
  /** `ours / peer`. */
  readonly ratio: number;
  /** What proves that the work was done, and the settings. */
  readonly [field: string]: unknown;
}

/** Rounds to three significant digits, so that a line says no more than was measured. */
export function round(value: number): number {
  return Number(value.toPrecision(3));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value below which a share of the values lies: nearest rank. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

/**
 * A line against stock grpc-js. Where the peer's figure is 0, so is the ratio if ours is too, else it is
 * ours.
 */
export function againstGrpcJs(line: Omit<Line, "against" | "ratio">): Line {
  const ours = round(line.ours as number);
  const peer = round(line.peer as number);
  return { ...line, ours, against: "grpc-js", peer, ratio: round(ours / (peer || 1)) } as Line;
}

/** The lines as a table for people. */
export function table(lines: readonly Line[]): string {
  const rows = lines.map((line) => [
    line.bench,
    line.metric,
    `${line.ours} ${line.unit}`,
    `${line.peer} ${line.unit}`,
    line.against,
    `${line.ratio}×`,
    String(line.n),
  ]);
  const all = [["bench", "metric", "ours", "peer", "against", "ratio", "n"], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
