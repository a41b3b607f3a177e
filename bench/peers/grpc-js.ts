import { serveRounds } from "../src/rounds.ts";
import { stockCall } from "./stock-call.ts";

/** A stock grpc-js client: one address, and whatever it does by itself. */
serveRounds(stockCall(`127.0.0.1:${process.argv[2]}`));
