import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { MethodSemanticsSchema } from "@antiphon/proto/antiphon/options/v1/options";
import { create } from "@bufbuild/protobuf";
import { pino } from "pino";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { callTable } from "./call-table.ts";
import { readContracts } from "./contracts/routes.ts";

test("the calls of which clients send a stream are told from the others by their contract", () => {
  const semantics = create(MethodSemanticsSchema);
  const routes = EchoService.methods.map((method) => ({ method, semantics, service: "echo" }));
  const table = callTable({
    built: [{ service: "echo", contracts: readContracts(), routes, packages: new Set() }],
    compile: () => new Map(),
    metrics: new Registry(),
    log: pino({ level: "silent" }),
  });
  const streaming = EchoService.methods.filter(({ name }) =>
    table.takesStream(`/antiphon.mesh.v1.EchoService/${name}`),
  );
  expect(streaming.map(({ name }) => name)).toEqual(["EchoCollect", "EchoBoth"]);
});
