import { MeshErrorDetailSchema } from "@antiphon/proto/antiphon/mesh/v1/errors";
import { StatusSchema } from "@antiphon/proto/google/rpc/status";
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { CallError, fail, notAgain } from "../errors.ts";
import { PageTokenError } from "../page-token.ts";
import { toConnectError, toStatus } from "./status.ts";

test("a page token of somebody else is an invalid argument that names the field", () => {
  const { code, rawMessage } = toConnectError(new PageTokenError());
  expect(code).toBe(Code.InvalidArgument);
  expect(rawMessage).toMatch(/^page_token /);
});

test.for(["ECONNREFUSED", "57P01", "57P03", "08006"])(
  "a database that is away (%s) is unavailable",
  (code) => {
    const error = toConnectError(Object.assign(new Error("connect failed at 10.0.0.1"), { code }));
    expect(error).toMatchObject({
      code: Code.Unavailable,
      rawMessage: "a store of this service is away, try again",
    });
  },
);

test("a query that is wrong is an internal error", () => {
  const error = toConnectError(Object.assign(new Error('column "x" does not exist'), { code: "42703" }));
  expect(error).toMatchObject({ code: Code.Internal, rawMessage: "internal error" });
});

test("a message that no header can hold is mended and cut", () => {
  const { details } = toStatus(new ConnectError(`\ud800 ${"x".repeat(5_000)}`, Code.Aborted));
  expect(details).toMatch(/^\ufffd xxx/);
  expect(details.length).toBe(2_000);
  expect(() => encodeURI(details)).not.toThrow();
});

test("details that would not fit into the trailers are left out, those that do stay", () => {
  const error = fail(Code.Aborted, "no", MeshErrorDetailSchema, { subject: "small" });
  error.details.push({ desc: MeshErrorDetailSchema, value: { subject: "x".repeat(10_000) } });
  const [bytes] = toStatus(error).metadata.get("grpc-status-details-bin");
  const { details } = fromBinary(StatusSchema, bytes as Buffer);
  expect(details.map((detail) => anyUnpack(detail, MeshErrorDetailSchema)?.subject)).toEqual(["small"]);
});

test("a failed call of a handler keeps its code, not the headers that came with it", () => {
  const trailer = new Headers({ "x-internal": "1" });
  const error = new CallError({
    code: Code.NotFound,
    message: "gone",
    method: "a.B/C",
    peer: "h:1",
    attempt: 1,
    trailer,
  });
  const status = toStatus(toConnectError(error));
  expect(status).toMatchObject({ code: Code.NotFound, details: "gone" });
  expect(status.metadata.get("x-internal")).toEqual([]);
});

test("a handler may push back, but not speak as the server or the protocol", () => {
  const error = notAgain(fail(Code.Unavailable, "the catalog is away"));
  error.metadata.set("antiphon-nack", "concurrency");
  error.metadata.set("antiphon-load", "0");
  error.metadata.set("grpc-status", "0");
  const { metadata } = toStatus(error);
  expect(metadata.getMap()).toEqual({ "grpc-retry-pushback-ms": "-1" });
});

test.for([
  [Code.Unavailable, ["-1"]],
  [Code.NotFound, []],
] as const)("a further hop that failed with %s is tried again by nobody else: %s", ([code, pushback]) => {
  const error = new CallError({ code, message: "away", method: "a.B/C", peer: "h:1", attempt: 3 });
  expect(toStatus(error).metadata.get("grpc-retry-pushback-ms")).toEqual(pushback);
});
