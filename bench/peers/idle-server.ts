import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";

/** Answers every call with an empty message, on all addresses of this machine; tells who connected. */
const connections = { open: 0, ever: 0 };
const server = createServer();
server.on("session", (session) => {
  connections.open++;
  connections.ever++;
  session.on("error", () => {}).on("close", () => connections.open--);
});
server.on("stream", (stream: ServerHttp2Stream) => {
  stream.on("error", () => {}).resume();
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.end(Buffer.alloc(5));
});
server.listen(0, "0.0.0.0", 4_096, () => process.send?.((server.address() as AddressInfo).port));
process.on("message", () => process.send?.(connections));
process.on("disconnect", () => process.exit());
