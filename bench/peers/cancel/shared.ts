/** Of the messages of a stream. */
export const MESSAGE_BYTES = 27_000;

/** Milliseconds on the monotonic clock that all processes of a machine share. */
export function clockMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
