import { serveRounds } from "../src/rounds.ts";
import { stockCall } from "./stock-call.ts";

/** The same client of grpc-js with as many connections as the mesh, which it takes in turn. */
const addresses = process.argv.slice(2).map((port) => `127.0.0.1:${port}`);
const serviceConfig = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] });
serveRounds(stockCall(`ipv4:${addresses.join(",")}`, { "grpc.service_config": serviceConfig }));
