import { createServer } from "node:net";

/**
 * Below the kernel's ephemeral range: there, an outgoing connection could take the port of a server
 * that is down for a moment, or even connect to itself.
 */
const range = { from: 18_000, to: 31_000 };

/** Whether a TCP server can listen on this port now. */
export async function isPortFree(port: number, host = "127.0.0.1"): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer()
      .once("error", () => resolve(false))
      .listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A port on 127.0.0.1 that nothing listens on, and that stays its owner's across restarts. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = range.from + Math.floor(Math.random() * (range.to - range.from));
    if (await isPortFree(port)) return port;
  }
  throw new Error(`no free port between ${range.from} and ${range.to}`);
}
