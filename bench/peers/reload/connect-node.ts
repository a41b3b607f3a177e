import http from "node:http";
import type { AddressInfo } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { reviewContract } from "../../../gateway/testing/review-contract.ts";
import { echoing } from "../../../gateway/testing/reviews.ts";

/** connect-node with the routes of its start; for others it is started again. Port, 0 for a free one, and call are arguments. */
const [port, another = ""] = process.argv.slice(2);
const contract = reviewContract({ methods: { GetReview: {}, [another]: {} } });
process.on("disconnect", () => process.exit());
const server = http.createServer(
  connectNodeAdapter({ routes: (router) => router.service(contract, echoing(contract)) }),
);
server.listen(Number(port), "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
// As gracefully as it can be: no new connections, the open ones finish what they do.
process.once("SIGTERM", () => server.close(() => process.exit()));
