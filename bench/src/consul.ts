import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startConsul } from "@antiphon/deploy/local";

/** A Consul of the run's own. `close` ends it and removes what it wrote. */
export async function openConsul() {
  const dir = await mkdtemp(join(tmpdir(), "antiphon-bench-"));
  const server = await startConsul({ dir });
  const ask = async (path: string, init?: RequestInit): Promise<Response> => {
    const answer = await fetch(`${server.url}/v1/${path}`, init);
    if (!answer.ok) throw new Error(`Consul answered ${answer.status}: ${await answer.text()}`);
    return answer;
  };
  return {
    url: server.url,
    server,
    /** @param more tags, meta and whatever else Consul takes */
    async register(id: string, service: string, port: number, more: object = {}): Promise<void> {
      const body = JSON.stringify({ ID: id, Name: service, Address: "127.0.0.1", Port: port, ...more });
      await ask("agent/service/register", { method: "PUT", body });
    },
    async deregister(id: string): Promise<void> {
      await ask(`agent/service/deregister/${id}`, { method: "PUT" });
    },
    /** Rejects when it does not pass its check within 60 s. */
    async untilPassing(id: string, service: string): Promise<void> {
      const giveUpAt = performance.now() + 60_000;
      while (performance.now() < giveUpAt) {
        const entries = (await (await ask(`health/service/${service}?passing`)).json()) as {
          Service: { ID: string };
        }[];
        if (entries.some(({ Service }) => Service.ID === id)) return;
        await sleep(50);
      }
      throw new Error(`${id} did not pass its check within 60 s`);
    },
    async close(): Promise<void> {
      await server.kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
