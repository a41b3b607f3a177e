import { ConductorService } from "@antiphon/proto/antiphon/mesh/v1/conductor";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { MeshErrorDetailSchema, MeshErrorReason } from "@antiphon/proto/antiphon/mesh/v1/errors";
import { Access } from "@antiphon/proto/antiphon/options/v1/options";
import { StatusSchema } from "@antiphon/proto/google/rpc/status";
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { echoService } from "../../testing/echo.ts";
import { accessOf, requireAccess } from "./access.ts";
import { serve } from "./served.ts";
import { failureOf } from "./stock-client.fixture.ts";
import { hostOf, namedListener } from "./test-host.fixture.ts";

const listener = { id: "lst_1", operator: false };
const operator = { id: "lst_2", operator: true };

test("a method whose contract says nothing is internal", () => {
  expect(accessOf(EchoService.method.echo)).toBe(Access.INTERNAL);
  expect(accessOf(ConductorService.method.listInstances)).toBe(Access.OPERATOR);
});

test.for([
  { access: Access.PUBLIC, caller: undefined, code: undefined },
  { access: Access.INTERNAL, caller: undefined, code: undefined },
  { access: Access.LISTENER, caller: undefined, code: Code.Unauthenticated },
  { access: Access.LISTENER, caller: listener, code: undefined },
  { access: Access.OPERATOR, caller: undefined, code: Code.Unauthenticated },
  { access: Access.OPERATOR, caller: listener, code: Code.PermissionDenied },
  { access: Access.OPERATOR, caller: operator, code: undefined },
])("access $access for $caller.id gives $code", ({ access, caller, code }) => {
  const check = () => requireAccess(access, caller);
  if (code === undefined) expect(check).not.toThrow();
  else expect(check).toThrow(expect.objectContaining({ code }));
});

test("the server refuses by itself what the contract keeps for operators", async () => {
  const handlers = {
    listInstances: () => ({}),
    getPolicy: () => ({}),
    setPolicy: () => ({}),
    deletePolicy: () => ({}),
    async *watchInstances() {
      yield {};
    },
  };
  const { client } = await hostOf(serve(ConductorService, handlers));
  const { listInstances } = ConductorService.method;
  const call = (headers: Record<string, string>) => client.unary(listInstances, {}, { headers });
  expect(await failureOf(call({}))).toMatchObject({ code: Code.Unauthenticated });
  const denied = await failureOf(call(namedListener("lst_1")));
  expect(denied.code).toBe(Code.PermissionDenied);
  const status = fromBinary(StatusSchema, denied.metadata.get("grpc-status-details-bin")[0] as Buffer);
  expect(anyUnpack(status.details[0]!, MeshErrorDetailSchema)?.reason).toBe(
    MeshErrorReason.OPERATOR_REQUIRED,
  );
  await call(namedListener("lst_2", "operator"));
});

test.each([
  [
    "a listener without a proof",
    { "antiphon-listener": "lst_1", "antiphon-role": "listener" },
    /nobody has vouched/,
  ],
  ["another listener's proof", { ...namedListener("lst_2"), "antiphon-listener": "lst_1" }, /is not signed/],
  ["a proof of another role", { ...namedListener("lst_1"), "antiphon-role": "operator" }, /is not signed/],
  [
    "nonsense for a proof",
    { ...namedListener("lst_1"), "antiphon-proof": "9.nonsense" },
    /nobody has vouched/,
  ],
])("%s is unauthenticated, whatever the call", async (_what, headers, message) => {
  const { client } = await hostOf(serve(EchoService, echoService()));
  const failure = await failureOf(client.unary(EchoService.method.echo, {}, { headers }));
  expect(failure).toMatchObject({ code: Code.Unauthenticated, details: expect.stringMatching(message) });
});
