import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startConsul } from "@antiphon/deploy/local";
import { consulDiscovery, createMeshTransport, type MeshTransport, serve } from "@antiphon/mesh";
import { echoService, startMesh } from "@antiphon/mesh/testing";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { createClient } from "@connectrpc/connect";
import { watchWithConsulPackage } from "../peers/consul-watch.ts";
import type { BenchOptions } from "./benches.ts";
import { identicalUpdates } from "./identical-updates.ts";
import { type Line, percentile, round } from "./report.ts";

const SERVICE = "echo";
const CALL_EVERY_MS = 5;
/** Instances alive at a time: the oldest leaves when a new one has been seen. */
const ALIVE = 4;

/** How soon a new instance is called, and whether news that are none cost anything. */
export async function run(options: BenchOptions): Promise<readonly Line[]> {
  return [await convergence(options), await identicalUpdates(options.say)];
}

/**
 * From the moment Consul says that an instance passes its check to the first call that reaches it, with
 * 200 calls a second. The peer is told of the instance by the watcher of the npm package `consul`, in
 * the same run; it makes no call.
 */
async function convergence({ quick, say }: BenchOptions): Promise<Line> {
  const arrivals = quick ? 20 : 100;
  const dir = await mkdtemp(join(tmpdir(), "antiphon-bench-"));
  const consul = await startConsul({ dir });
  const mesh = await startMesh();
  const firstCallAt = new Map<string, number>();
  const noticedAt = new Map<string, number>();
  const stopWatch = watchWithConsulPackage(consul.url, SERVICE, (id) => {
    if (!noticedAt.has(id)) noticedAt.set(id, performance.now());
  });
  const calls = { sent: 0, failed: 0 };
  let transport: MeshTransport | undefined;
  let load: NodeJS.Timeout | undefined;

  const arrive = async (index: number): Promise<string> => {
    const id = `echo-${index}`;
    const echo = echoService(id);
    const [replica] = await mesh.add({
      name: id,
      served: [
        serve(EchoService, {
          ...echo,
          echo: (request, context) => {
            if (!firstCallAt.has(id)) firstCallAt.set(id, performance.now());
            return echo.echo(request, context);
          },
        }),
      ],
    });
    await put(consul.url, "register", {
      ID: id,
      Name: SERVICE,
      Address: "127.0.0.1",
      Port: replica!.registration.port,
    });
    return id;
  };

  try {
    const ours: number[] = [];
    const peers: number[] = [];
    await arrive(0);
    transport = createMeshTransport({
      target: `consul:///${SERVICE}`,
      discovery: consulDiscovery({ url: consul.url }),
    });
    const client = createClient(EchoService, transport);
    const startedAtMs = performance.now();
    load = setInterval(() => {
      calls.sent++;
      client.echo({ text: "x" }).catch(() => calls.failed++);
    }, CALL_EVERY_MS);
    for (let index = 1; index <= arrivals; index++) {
      const id = await arrive(index);
      const passesAt = performance.now();
      await both(() => firstCallAt.has(id) && noticedAt.has(id), id);
      ours.push(firstCallAt.get(id)! - passesAt);
      peers.push(noticedAt.get(id)! - passesAt);
      if (index >= ALIVE) await put(consul.url, `deregister/echo-${index - ALIVE}`);
      if (index % 25 === 0) say(`${index}/${arrivals} instances arrived`);
    }
    return {
      bench: "discovery",
      metric: "convergence_p99_ms",
      unit: "ms",
      n: arrivals,
      offered: arrivals,
      achieved: ours.length,
      ours: round(percentile(ours, 0.99)),
      against: "consul-watch",
      peer: round(percentile(peers, 0.99)),
      ratio: round(percentile(ours, 0.99) / percentile(peers, 0.99)),
      ours_p50_ms: round(percentile(ours, 0.5)),
      peer_p50_ms: round(percentile(peers, 0.5)),
      calls: calls.sent,
      failed_calls: calls.failed,
      offered_rate: round((1_000 * calls.sent) / (performance.now() - startedAtMs)),
      achieved_rate: round((1_000 * (calls.sent - calls.failed)) / (performance.now() - startedAtMs)),
    };
  } finally {
    clearInterval(load);
    stopWatch();
    transport?.close();
    await mesh.stop();
    await consul.kill();
    await rm(dir, { recursive: true, force: true });
  }
}

async function put(consulUrl: string, path: string, body?: object): Promise<void> {
  const answer = await fetch(`${consulUrl}/v1/agent/service/${path}`, {
    method: "PUT",
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!answer.ok) throw new Error(`Consul answered ${answer.status}: ${await answer.text()}`);
}

/** Waits for both sides; an instance that either never sees ends the run. */
function both(seen: () => boolean, id: string): Promise<void> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      if (!seen() && performance.now() - startedAt < 10_000) return;
      clearInterval(timer);
      if (seen()) resolve();
      else reject(new Error(`${id} was not seen within 10 s`));
    }, 1);
  });
}
