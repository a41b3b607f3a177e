import { Code } from "@connectrpc/connect";

/** A gRPC status: `0` is OK. */
export type StatusCode = Code | 0;

/** What one attempt says about its endpoint; `slow`: only that it takes at least so long. */
export type Verdict = "success" | "failure" | "neutral" | "slow";

/**
 * Judges an endpoint by a status. An answer such as `not_found` is the work of a healthy endpoint;
 * a cancelled call says nothing, nor does one that is not implemented there, by another version or by whoever
 * has that port now; `resource_exhausted` is a failure, so that refusing fast does not look like being fast.
 */
export function verdictOf(code: StatusCode): Verdict {
  switch (code) {
    case Code.Unavailable:
    case Code.DeadlineExceeded:
    case Code.Internal:
    case Code.Unknown:
    case Code.ResourceExhausted:
      return "failure";
    case Code.Canceled:
    case Code.Unimplemented:
      return "neutral";
    default:
      return "success";
  }
}
