import type { DescMethod } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";

/** Seconds; shared by servers and clients so that both sides of an edge can be compared. */
export const HANDLING_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const TYPES = {
  unary: "unary",
  server_streaming: "server_stream",
  client_streaming: "client_stream",
  bidi_streaming: "bidi_stream",
} as const;

/** `grpc_type`, `grpc_service` and `grpc_method` as go-grpc-middleware names them. */
export function methodLabels(method: DescMethod) {
  return {
    grpc_type: TYPES[method.methodKind],
    grpc_service: method.parent.typeName,
    grpc_method: method.name,
  };
}

/** `grpc_code` as go-grpc-middleware writes it: `OK`, `NotFound`. */
export function codeLabel(code: Code | 0): string {
  return code === 0 ? "OK" : Code[code];
}
