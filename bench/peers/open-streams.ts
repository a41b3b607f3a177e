import { setTimeout as sleep } from "node:timers/promises";

/**
 * Keeps so many streams open, each begun anew when it has ended; the counts, which go on, are of how they ended,
 * by gRPC code.
 */
export function keepStreamsOpen(
  streams: number,
  open: () => AsyncIterable<unknown>,
): Readonly<Record<string, number>> {
  const ended: Record<string, number> = {};
  const keepOne = async () => {
    for (;;) {
      const code = await endOf(open());
      ended[code] = (ended[code] ?? 0) + 1;
      await sleep(50);
    }
  };
  for (let stream = 0; stream < streams; stream++) void keepOne();
  return ended;
}

async function endOf(messages: AsyncIterable<unknown>): Promise<number> {
  try {
    for await (const _ of messages);
    return 0;
  } catch (error) {
    return (error as { code: number }).code;
  }
}
