import type { Duration } from "@bufbuild/protobuf/wkt";

export function millisOf({ seconds, nanos }: Duration): number {
  return Number(seconds) * 1_000 + nanos / 1_000_000;
}
