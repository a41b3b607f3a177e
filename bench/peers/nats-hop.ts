import { connect } from "@nats-io/transport-node";

/** One message through a bare NATS connection, there and nothing else: the floor of what any event takes. */
export async function natsHops(url: string, hops: number): Promise<number[]> {
  const connection = await connect({ servers: url });
  const tookMs: number[] = [];
  const subscription = connection.subscribe("bench.hop");
  const arrivals = subscription[Symbol.asyncIterator]();
  for (let hop = 0; hop < hops; hop++) {
    const sentAt = performance.now();
    connection.publish("bench.hop", String(hop));
    await arrivals.next();
    tookMs.push(performance.now() - sentAt);
  }
  await connection.close();
  return tookMs;
}
