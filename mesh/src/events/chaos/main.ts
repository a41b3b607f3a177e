/** `make chaos`: the full run, on servers of its own, in less than five minutes. Exit code 1 where anything is wrong. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNats, startNatsCluster, startPostgres } from "@antiphon/test/src/servers.ts";
import { brokerLoss } from "./broker-loss.ts";
import { chaos } from "./chaos.ts";

const say = (line: string): void => console.error(`chaos: ${line}`);
const dir = await mkdtemp(join(tmpdir(), "antiphon-chaos-"));
// Whatever hangs, it ends; the servers end with this process.
setTimeout(() => {
  say("it took more than five minutes");
  process.exit(1);
}, 300_000).unref();

try {
  say("writers, relays, consumers and the broker are killed");
  const [nats, postgres] = await Promise.all([
    startNats({ dir: join(dir, "nats") }),
    startPostgres({ dir: join(dir, "postgres") }),
  ]);
  const { audit, ...report } = await chaos({
    nats,
    databaseUrl: postgres.url,
    kills: 64,
    everyMs: 2_000,
    events: 20_000,
    say,
  });
  await Promise.all([nats.kill(), postgres.kill()]);
  console.log(JSON.stringify({ run: "chaos", ...report, ...audit.counted }));
  for (const { what, where, key, detail } of audit.findings.slice(0, 20)) {
    say(`${what}: ${where}, key ${key}: ${detail}`);
  }

  say("the leader of a cluster of three brokers is killed");
  const servers = await startNatsCluster(join(dir, "cluster"));
  const loss = await brokerLoss(servers, 10);
  await Promise.all(servers.map((server) => server.kill()));
  console.log(JSON.stringify({ run: "broker-loss", ...loss }));

  const { lost, doubled, outOfOrder, drainedMs = Number.POSITIVE_INFINITY } = report;
  const well = lost + doubled + outOfOrder + loss.lost === 0 && drainedMs < 30_000;
  if (!well) throw new Error("something was lost, doubled, out of order or late");
  say("nothing lost, nothing doubled, nothing out of order");
} catch (error) {
  say(`FAILED, the servers' logs are below ${dir}`);
  throw error;
}
await rm(dir, { recursive: true, force: true });
process.exit();
