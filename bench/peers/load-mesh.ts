import {
  consulDiscovery,
  createMeshTransport,
  type MeshTransportOptions,
  type PolicySource,
  staticDiscovery,
} from "@antiphon/mesh";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { TrafficPolicySchema } from "@antiphon/proto/antiphon/mesh/v1/policy";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { type LoadSettings, serveLoads } from "../src/load.ts";
import { keepStreamsOpen } from "./open-streams.ts";

/** The mesh's client. */
const settings = JSON.parse(process.argv[2]!) as LoadSettings;
const client = createClient(EchoService, createMeshTransport(optionsOf(settings)));

/** Nobody waits for its last message. */
const ENDLESS = { count: 2 ** 31, intervalMs: 50 };

serveLoads(
  (timeoutMs) =>
    settings.once ? client.echoOnce({ text: "x" }, { timeoutMs }) : client.echo({ text: "x" }, { timeoutMs }),
  keepStreamsOpen(settings.streams ?? 0, () => client.echoStream(ENDLESS)),
);

function optionsOf({ addresses, consulUrl, hedgeAfterMs }: LoadSettings): MeshTransportOptions {
  if (consulUrl !== undefined) {
    return { target: "consul:///echo", discovery: consulDiscovery({ url: consulUrl }) };
  }
  if (hedgeAfterMs === undefined) return { target: `static:///${addresses}` };
  const echo = addresses.map((id) => {
    const [host = "", port] = id.split(":");
    return { id, host, port: Number(port), version: "", zone: "", weight: 1 };
  });
  const method = "antiphon.mesh.v1.EchoService/Echo";
  const hedge = { delay: { seconds: 0n, nanos: hedgeAfterMs * 1_000_000 } };
  const policy = create(TrafficPolicySchema, { methods: [{ method, hedge }] });
  const policies: PolicySource = {
    watch(_service, onState) {
      queueMicrotask(() => onState({ policy, refused: undefined }));
      return { close() {} };
    },
  };
  return { target: "consul:///echo", discovery: staticDiscovery({ echo }), policies };
}
