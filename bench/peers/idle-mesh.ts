import { createMeshTransport } from "@antiphon/mesh";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { type Client, createClient } from "@connectrpc/connect";
import { Registry } from "prom-client";
import { serveIdle } from "./measure-idle.ts";

/** The mesh's client, connected to every endpoint and not to a part of them. */
const metrics = new Registry();
let client: Client<typeof EchoService>;
serveIdle({
  connect(addresses) {
    const balance = { subsetSize: 0 };
    client = createClient(
      EchoService,
      createMeshTransport({ target: `static:///${addresses}`, metrics, balance }),
    );
  },
  observe: () => metrics.metrics(),
  call: () => client.echo({ text: "x" }),
});
