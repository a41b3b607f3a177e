import { type AddressInfo, createServer, type Socket } from "node:net";
import type { BenchOptions } from "./benches.ts";
import { CLIENTS, type ClientName, LoadClient, Replica } from "./fleet.ts";
import { failedOf, type LoadOrder, ratesOf } from "./load.ts";
import { againstGrpcJs, type Line } from "./report.ts";

/**
 * How long a client holds on to a peer that accepts its connection and never sends SETTINGS, while another
 * replica answers. Both clients at once, each with a black hole of its own: nothing here needs the CPU.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const watchMs = quick ? 30_000 : 90_000;
  const order: LoadOrder = { ratePerSecond: 50, durationMs: watchMs, deadlineMs: 5_000 };
  const replica = await Replica.start({});
  const outcomes = await Promise.all(
    CLIENTS.map(async (name) => {
      const hole = await blackHole();
      let client: LoadClient | undefined;
      try {
        client = await LoadClient.start(`load-${name}`, { addresses: [hole.address, ...replica.addresses] });
        const result = await client.run(order);
        const heldMs = hole.heldMs();
        say(`${name.padEnd(8)} held on for ${heldMs.map((ms) => ms.toFixed(0))} ms`);
        return { name, result, heldMs, connections: hole.connections() };
      } finally {
        client?.worker.stop("SIGKILL");
        hole.close();
      }
    }),
  ).finally(() => replica.worker.stop("SIGKILL"));
  const of = (name: ClientName) => outcomes.find((outcome) => outcome.name === name)!;
  const [ours, peer] = CLIENTS.map(of);
  return [
    againstGrpcJs({
      bench: "black-hole",
      metric: "abandoned_after_ms",
      unit: "ms",
      n: ours!.heldMs.length,
      offered: ours!.result.offered,
      achieved: ours!.result.tookMs.length,
      ...ratesOf([ours!.result]),
      ours: Math.max(...ours!.heldMs),
      // One that never let go is at least as long as it was watched.
      peer: Math.max(0, ...peer!.heldMs) || watchMs,
      peer_settings: "round_robin",
      peer_let_go: peer!.heldMs.length > 0,
      watched_ms: watchMs,
      connections: ours!.connections,
      failed_calls: failedOf(ours!.result),
      peer_failed_calls: failedOf(peer!.result),
    }),
  ];
}

/** Accepts connections, and tells how long those that the other side closed were held open. */
async function blackHole() {
  const heldMs: number[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    const acceptedAt = performance.now();
    connections++;
    sockets.add(socket);
    socket.on("error", () => {}).resume();
    socket.on("close", () => {
      sockets.delete(socket);
      heldMs.push(performance.now() - acceptedAt);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    heldMs: () => [...heldMs],
    connections: () => connections,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
