import { MeshErrorDetailSchema, MeshErrorReason } from "@antiphon/proto/antiphon/mesh/v1/errors";
import { StatusSchema } from "@antiphon/proto/google/rpc/status";
import { create, type DescMethod, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { type Metadata, type StatusObject, status } from "@grpc/grpc-js";
import type { RefusalReason } from "../resilience/concurrency-limit.ts";
import { NACK_HEADER, PUSHBACK_HEADER } from "../resilience/load-headers.ts";

/** Pushback of a refusal, ±50 %: by then the limit has been looked at again, and callers come back spread. */
const PUSHBACK_MS = 100;

const TEXT: Readonly<Record<RefusalReason, string>> = {
  concurrency: "the server is overloaded",
  event_loop: "the server is overloaded: too many calls came at once",
  deadline: "the server is overloaded: the call would outlast its deadline",
};

/**
 * Makes the statuses of calls of one method that were refused: `unavailable`, with the nack that says that
 * no handler has seen them. Not `resource_exhausted`, which says that the caller used up what it is
 * allowed, and which gRPC clients of no language send again.
 *
 * @param trailers taken over by the status
 */
export function refusals(method: DescMethod): (reason: RefusalReason, trailers: Metadata) => StatusObject {
  const subject = `${method.parent.typeName}/${method.name}`;
  const detail = create(MeshErrorDetailSchema, { reason: MeshErrorReason.OVERLOADED, subject });
  const details = [anyPack(MeshErrorDetailSchema, detail)];
  const packed = (message: string) =>
    Buffer.from(toBinary(StatusSchema, create(StatusSchema, { code: status.UNAVAILABLE, message, details })));
  const bytes = {
    concurrency: packed(TEXT.concurrency),
    event_loop: packed(TEXT.event_loop),
    deadline: packed(TEXT.deadline),
  };
  return (reason, metadata) => {
    metadata.set(NACK_HEADER, reason);
    metadata.set(PUSHBACK_HEADER, String(Math.round(PUSHBACK_MS * (0.5 + Math.random()))));
    metadata.set("grpc-status-details-bin", bytes[reason]);
    return { code: status.UNAVAILABLE, details: TEXT[reason], metadata };
  };
}
