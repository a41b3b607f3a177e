import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startConsul, startNats, startPostgres } from "@antiphon/deploy/local";
import type {} from "@antiphon/mesh/testing";
import type { TestProject } from "vitest/node";

/** One Consul, NATS with JetStream and PostgreSQL for the run; none of them outlives it, however it ends. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), "antiphon-test-"));
  const starting = [
    startConsul({ dir: join(dir, "consul") }),
    startNats({ dir: join(dir, "nats") }),
    startPostgres({ dir: join(dir, "postgres"), durable: false }),
  ] as const;
  const tearDown = async () => {
    const started = await Promise.allSettled(starting);
    await Promise.all(
      started.map(async (each) => (each.status === "fulfilled" ? await each.value.kill() : undefined)),
    );
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const [consul, nats, postgres] = await Promise.all(starting);
    project.provide("backing", { consulUrl: consul.url, natsUrl: nats.url, postgresUrl: postgres.url });
    return tearDown;
  } catch (error) {
    await tearDown();
    throw error;
  }
}
