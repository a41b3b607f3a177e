import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What a line between a listener and the system is like. */
export interface Link {
  /** From a request to the first byte of its answer, where the server takes no time. */
  readonly rttMs: number;
  /** Towards the listener, shared by all connections. */
  readonly kbps: number;
}

/** A TCP proxy that is as slow as a line. */
export interface Shaper {
  readonly port: number;
  /** What was carried to the listener so far. */
  readonly bytesDown: number;
  /** Changes the line under the connections that are open. */
  set(link: Link): void;
  stop(): void;
}

/** What Ethernet leaves to TCP: connections take turns on the line by such pieces. */
const PACKET_BYTES = 1460;

/** One way over the line: packets leave one after the other and arrive half a round trip later. */
class Way {
  bytes = 0;
  private freeAtMs = 0;
  private readonly link: () => Link;
  private readonly limited: boolean;
  private readonly travelling: { readonly atMs: number; readonly arrive: () => void }[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(link: () => Link, limited: boolean) {
    this.link = link;
    this.limited = limited;
  }

  /** Resolves when the packet has left, so that a connection has one packet waiting and no more. */
  async send(packet: Buffer, arrive: () => void): Promise<void> {
    const { kbps, rttMs } = this.link();
    const now = performance.now();
    const takesMs = this.limited ? (packet.length * 8) / kbps : 0;
    this.freeAtMs = Math.max(now, this.freeAtMs) + takesMs;
    this.bytes += packet.length;
    this.travelling.push({ atMs: this.freeAtMs + rttMs / 2, arrive });
    this.timer ??= setTimeout(this.deliver, this.freeAtMs + rttMs / 2 - now);
    if (this.freeAtMs - now > 1) await sleep(this.freeAtMs - now);
  }

  private readonly deliver = (): void => {
    this.timer = undefined;
    const now = performance.now();
    while ((this.travelling[0]?.atMs ?? Number.POSITIVE_INFINITY) <= now + 0.5)
      this.travelling.shift()?.arrive();
    const next = this.travelling[0];
    if (next) this.timer = setTimeout(this.deliver, next.atMs - now);
  };
}

/**
 * Listens on a free port and carries connections to `target` over the line. A new connection costs a
 * round trip more, as TCP's handshake would; slow start and loss are left out.
 */
export async function startShaper(target: number, first: Link): Promise<Shaper> {
  let link = first;
  const down = new Way(() => link, true);
  const up = new Way(() => link, false);
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true }, async (client) => {
    const origin = connect({ port: target, host: "127.0.0.1", noDelay: true });
    for (const socket of [client, origin]) {
      open.add(socket);
      socket.on("close", () => open.delete(socket));
    }
    const left = new AbortController();
    client.on("error", () => undefined);
    // The other end hears that somebody left half a round trip later, and sends until then.
    client.on("close", () =>
      setTimeout(() => {
        left.abort();
        origin.destroy();
      }, link.rttMs / 2),
    );
    origin.on("error", () => client.destroy());
    await sleep(link.rttMs);
    carry(client, origin, up, left.signal);
    carry(origin, client, down, left.signal);
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    port: (server.address() as { port: number }).port,
    get bytesDown() {
      return down.bytes;
    },
    set(changed) {
      link = changed;
    },
    stop() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

async function carry(from: Socket, to: Socket, way: Way, left: AbortSignal): Promise<void> {
  try {
    for await (const bytes of from as AsyncIterable<Buffer>) {
      for (let at = 0; at < bytes.length && !left.aborted; at += PACKET_BYTES) {
        const packet = bytes.subarray(at, at + PACKET_BYTES);
        await way.send(packet, () => to.writable && to.write(packet));
      }
    }
    await way.send(Buffer.alloc(0), () => to.end());
  } catch {
    // Either side broke off, and the other one was told.
    to.destroy();
  }
}
