import { staticDiscovery } from "@antiphon/mesh";
import { registerMesh } from "@antiphon/mesh/grpc-js";
import { serveRounds } from "../src/rounds.ts";
import { stockCall } from "./stock-call.ts";

/** The same client of grpc-js, with a target of the mesh. */
const echo = process.argv.slice(2).map((port) => ({
  id: `echo-${port}`,
  host: "127.0.0.1",
  port: Number(port),
  version: "",
  zone: "",
  weight: 1,
}));
registerMesh({ discovery: staticDiscovery({ echo }) });
serveRounds(stockCall("consul:///echo"));
