import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { join, normalize } from "node:path";
import { pipeline } from "node:stream/promises";
import { sendFile } from "../../web/testing/send-file.ts";

/** Serves the bench's page and the peers' files from a folder, and passes everything else to the gateway. */
export interface Origin {
  readonly port: number;
  stop(): void;
}

/** The peers thus have the shorter way: a file server, where ours goes through the gateway and the mesh. */
export async function startOrigin(folder: string, gatewayUrl: string): Promise<Origin> {
  const agent = new Agent({ keepAlive: true });
  const server = createServer({ noDelay: true }, (asked, answer) => {
    const { pathname } = new URL(asked.url ?? "/", "http://origin");
    const serving = pathname.startsWith("/bench/")
      ? sendFile(join(folder, normalize(pathname.slice("/bench".length))), asked, answer)
      : pass(gatewayUrl, agent, asked, answer);
    serving.catch(() => answer.destroy());
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    port: (server.address() as { port: number }).port,
    stop() {
      agent.destroy();
      server.close();
      server.closeAllConnections();
    },
  };
}

async function pass(gatewayUrl: string, agent: Agent, asked: IncomingMessage, answer: ServerResponse) {
  const { method = "GET", headers } = asked;
  const passed = request(new URL(asked.url ?? "/", gatewayUrl), { method, headers, agent });
  answer.on("close", () => passed.destroy());
  const sent = pipeline(asked, passed);
  const [response] = await Promise.all([
    new Promise<IncomingMessage>((resolve, reject) => passed.once("response", resolve).once("error", reject)),
    sent,
  ]);
  answer.writeHead(response.statusCode ?? 502, response.headers);
  await pipeline(response, answer);
}
