import { consulDiscovery, createMeshTransport } from "@antiphon/mesh";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { createClient } from "@connectrpc/connect";
import { type LoadSettings, serveLoads } from "../src/load.ts";

/** The mesh's client. */
const { addresses, consulUrl, once } = JSON.parse(process.argv[2]!) as LoadSettings;
const transport = createMeshTransport(
  consulUrl === undefined
    ? { target: `static:///${addresses}` }
    : { target: "consul:///echo", discovery: consulDiscovery({ url: consulUrl }) },
);
const client = createClient(EchoService, transport);

serveLoads((timeoutMs) =>
  once ? client.echoOnce({ text: "x" }, { timeoutMs }) : client.echo({ text: "x" }, { timeoutMs }),
);
