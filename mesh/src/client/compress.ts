import { bodyBytes, gzipped } from "../transport/frames.ts";
import type { Send } from "./call.ts";
import { mapped } from "./mapped.ts";

/**
 * Sends request messages of at least `fromBytes` compressed by gzip, which is done beside the event loop. A peer
 * that does not read them answers `unimplemented`, by gRPC's specification.
 */
export function compressLayer(next: Send, fromBytes: number): Send {
  return (call, done) => {
    const { request } = call;
    if (!(request instanceof Uint8Array)) {
      call.headers["grpc-encoding"] = "gzip";
      call.request = mapped(request, (message) =>
        bodyBytes(message) < fromBytes ? message : gzipped(message),
      );
      next(call, done);
      return;
    }
    if (bodyBytes(request) < fromBytes) {
      next(call, done);
      return;
    }
    call.headers["grpc-encoding"] = "gzip";
    let over = false;
    call.onAbort = (outcome) => {
      over = true;
      call.onAbort = undefined;
      done(outcome);
    };
    void gzipped(request).then((smaller) => {
      if (over) return;
      call.onAbort = undefined;
      call.request = smaller;
      next(call, done);
    });
  };
}
