import type { openConsul } from "./consul.ts";
import { Worker } from "./rounds.ts";

let born = 0;

/**
 * Starts one more process of the service `echo`, and resolves when Consul says that it passes its check.
 * `more` are settings of its environment.
 */
export async function startMeshReplica(
  consul: Awaited<ReturnType<typeof openConsul>>,
  more: Readonly<Record<string, string>> = {},
): Promise<Worker> {
  const id = `echo-${process.pid}-${born++}`;
  const settings = {
    ANTIPHON_CONSUL_URL: consul.url,
    ANTIPHON_INSTANCE_ID: id,
    ANTIPHON_LOG_LEVEL: "silent",
    ...more,
  };
  const worker = new Worker("../peers/mesh-replica.ts", [JSON.stringify(settings)]);
  await consul.untilPassing(id, "echo");
  return worker;
}
