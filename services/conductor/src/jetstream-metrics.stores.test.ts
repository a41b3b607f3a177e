import { EVENTS, openJetStream } from "@antiphon/mesh/events";
import { backing, startMesh, type TestMesh, until } from "@antiphon/mesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { jetstreamMetrics } from "./jetstream-metrics.ts";

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh({ config: { natsUrl: backing().natsUrl } });
});
afterAll(() => mesh.stop());

test("a consumer group that stands still is seen by what it was not sent", async () => {
  const deps = mesh.deps("conductor");
  jetstreamMetrics(deps);
  const nats = await deps.nats();
  const manager = await openJetStream(nats);
  const group = `idle-${process.pid}`;
  const subject = `evt.test.idle${process.pid}.v1.0`;
  await manager.consumers.add(EVENTS, {
    durable_name: group,
    filter_subject: subject,
    ack_policy: "explicit",
  });
  for (let event = 0; event < 3; event++) await nats.request(subject, "");

  const line = `jetstream_consumer_num_pending{stream="EVENTS",consumer="${group}"} 3`;
  await until(async () => (await deps.metrics.metrics()).includes(line), { what: line });
  await manager.consumers.delete(EVENTS, group);
});

test("a broker that is away costs the scrape a second and its series, nothing else", async () => {
  const away = await startMesh({ config: { natsUrl: "nats://127.0.0.1:1" } });
  const deps = away.deps("conductor");
  jetstreamMetrics(deps);
  const text = await deps.metrics.metrics();
  expect(text).toContain("# TYPE jetstream_consumer_num_pending gauge");
  expect(text).not.toMatch(/^jetstream_consumer_num_pending\{/m);
  await away.stop();
});
