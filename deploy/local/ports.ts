import { createServer, type Server } from "node:net";

/**
 * Below the kernel's ephemeral range: there, an outgoing connection could take the port of a server
 * that is down for a moment, or even connect to itself.
 */
const range = { from: 18_000, blocks: 200 };
const blockSize = 64;

/** Whether a TCP server can listen on this port of 127.0.0.1 now. */
export async function isPortFree(port: number): Promise<boolean> {
  const server = await listen(port);
  if (server === undefined) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}

/**
 * Neighbouring ports that no other Antiphon process of this machine gives away. Whoever listens on the
 * first one owns the block, so it is given back when that process ends, however it ends. Asking only
 * whether a port is free would let two systems choose the same one while their services still start.
 */
export class PortBlock {
  readonly base: number;
  readonly #anchor: Server;
  #next: number;

  private constructor(base: number, anchor: Server) {
    this.base = base;
    this.#anchor = anchor.unref();
    this.#next = base + 1;
  }

  /** Claims the block that begins at `preferred` where that is possible, else any. */
  static async claim(preferred?: number): Promise<PortBlock> {
    const first = Math.floor(Math.random() * range.blocks);
    const bases = Array.from(
      { length: range.blocks },
      (_, index) => range.from + ((first + index) % range.blocks) * blockSize,
    );
    for (const base of preferred === undefined ? bases : [preferred, ...bases]) {
      const anchor = await listen(base);
      if (anchor !== undefined) return new PortBlock(base, anchor);
    }
    throw new Error(`no free block of ports from ${range.from} on`);
  }

  /** A port that nothing listens on, another each time; undefined when the block is used up. */
  async take(): Promise<number | undefined> {
    while (this.#next < this.base + blockSize) {
      const port = this.#next++;
      if (await isPortFree(port)) return port;
    }
    return undefined;
  }

  release(): void {
    this.#anchor.close();
  }
}

let current: Promise<PortBlock> | undefined;

/** A port of 127.0.0.1 that nothing listens on, and that stays its server's across restarts. */
export async function freePort(): Promise<number> {
  for (;;) {
    current ??= PortBlock.claim();
    const mine = current;
    const port = await (await mine).take();
    if (port !== undefined) return port;
    if (current === mine) current = undefined;
  }
}

async function listen(port: number): Promise<Server | undefined> {
  return await new Promise((resolve) => {
    const server = createServer()
      .once("error", () => resolve(undefined))
      .listen({ port, host: "127.0.0.1", exclusive: true }, () => resolve(server));
  });
}
