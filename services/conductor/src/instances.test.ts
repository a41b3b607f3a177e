import { Health } from "@antiphon/proto/antiphon/mesh/v1/conductor";
import { describe, expect, test } from "vitest";
import { meshInstances, serviceNames } from "./instances.ts";
import { prometheusTargets } from "./prometheus-targets.ts";

const entry = (id: string, service = {}, checks: readonly unknown[] = []) => ({
  Node: { Address: "10.0.0.1" },
  Service: {
    ID: id,
    Service: "catalog",
    Address: "10.0.0.7",
    Port: 4000,
    Meta: { admin_port: "4001", version: "1.2.3", zone: "east" },
    ...service,
  },
  Checks: checks,
});
const check = (Status: string, Output = "") => ({ Status, Output });

describe("instances", () => {
  test("an entry tells service, id, place, version and zone", () => {
    expect(meshInstances([entry("c1")])).toMatchObject([
      {
        service: "catalog",
        id: "c1",
        host: "10.0.0.7",
        port: 4000,
        adminPort: 4001,
        version: "1.2.3",
        zone: "east",
        health: Health.PASSING,
      },
    ]);
  });

  test("an instance without an address of its own is on its node", () => {
    expect(meshInstances([entry("c1", { Address: "" })])).toMatchObject([{ host: "10.0.0.1" }]);
  });

  test("the worst check decides, and its output is shown", () => {
    const checks = [
      check("passing", "alive\n"),
      check("critical", "503 not ready\n"),
      check("warning", "slow"),
    ];
    expect(meshInstances([entry("c1", {}, checks)])).toMatchObject([
      { health: Health.CRITICAL, checkOutput: "503 not ready" },
    ]);
    expect(meshInstances([entry("c1", {}, [check("maintenance")])])).toMatchObject([
      { health: Health.CRITICAL },
    ]);
  });

  test("among equal checks the instance's own is shown, not its host's", () => {
    const checks = [check("passing", "Agent alive"), { ...check("passing", "ready"), ServiceID: "c1" }];
    expect(meshInstances([entry("c1", {}, checks)])).toMatchObject([{ checkOutput: "ready" }]);
  });

  test("what did not register with an admin port is not of the mesh", () => {
    const metas = [null, undefined, {}, { admin_port: "" }, { admin_port: "0" }, { admin_port: "x" }];
    expect(meshInstances(metas.map((Meta, n) => entry(`x${n}`, { Meta })))).toEqual([]);
  });

  test("an entry that makes no sense costs only itself", () => {
    expect(meshInstances([null, { Node: 1 }, entry("c1")])).toHaveLength(1);
  });

  test("they come by id", () => {
    expect(meshInstances([entry("b"), entry("c"), entry("a")]).map(({ id }) => id)).toEqual(["a", "b", "c"]);
  });

  test("what is no answer of Consul's is refused", () => {
    expect(() => meshInstances({})).toThrow();
    expect(() => serviceNames(["consul"])).toThrow();
    expect(() => serviceNames("<html>")).toThrow();
    expect(serviceNames({ player: [], catalog: [] })).toEqual(["catalog", "player"]);
  });
});

test("Prometheus gets a target group an instance, at its admin port", () => {
  expect(prometheusTargets(meshInstances([entry("c1"), entry("c2", { Address: "::1" })]))).toEqual([
    {
      targets: ["10.0.0.7:4001"],
      labels: { job: "catalog", instance_id: "c1", version: "1.2.3", zone: "east" },
    },
    {
      targets: ["[::1]:4001"],
      labels: { job: "catalog", instance_id: "c2", version: "1.2.3", zone: "east" },
    },
  ]);
});
