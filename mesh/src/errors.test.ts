import { MeshErrorDetailSchema, MeshErrorReason } from "@antiphon/proto/antiphon/mesh/v1/errors";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { CallError, fail } from "./errors.ts";

const init = {
  code: Code.NotFound,
  message: "track t9 is not in the catalog",
  peer: "127.0.0.1:4000",
  attempt: 2,
};

test("a call's error leads with its method and code", () => {
  const error = new CallError({ ...init, method: "antiphon.catalog.v1.CatalogService/GetTrack" });
  expect(error.message).toBe("catalog.v1.CatalogService/GetTrack not_found: track t9 is not in the catalog");
  expect(error.rawMessage).toBe("track t9 is not in the catalog");
  expect(error).toMatchObject({ code: Code.NotFound, peer: "127.0.0.1:4000", attempt: 2 });
});

test("a call's error is a ConnectError; other ConnectErrors are no call's error", () => {
  expect(new CallError({ ...init, method: "a.B/C" })).toBeInstanceOf(ConnectError);
  expect(new CallError({ ...init, method: "a.B/C" })).toBeInstanceOf(CallError);
  expect(new ConnectError("x")).not.toBeInstanceOf(CallError);
});

test("a failure carries the domain's reason", () => {
  const reason = MeshErrorReason.NO_ENDPOINTS;
  const error = fail(Code.Unavailable, "nobody is there", MeshErrorDetailSchema, { reason });
  expect(error.findDetails(MeshErrorDetailSchema)).toMatchObject([{ reason }]);
});
