import { Code } from "@connectrpc/connect";
import type { Clock } from "../clock.ts";
import type { MirrorRule } from "../policy/method-rules.ts";
import type { PolicyAction } from "../telemetry/policy-metrics.ts";
import { abort, type Call, type Send, verdictOfMesh } from "./call.ts";
import type { Cluster } from "./cluster.ts";

export interface MirrorParts {
  readonly clock: Clock;
  readonly cluster: Cluster;
  /** Sends a copy once, with none of the layers around it. */
  readonly sendCopy: Send;
  readonly count: (action: PolicyAction) => void;
}

/** A version that answers slowly gets fewer copies: more would only pile up. */
const MAX_COPIES = 50;
const MAX_COPY_MS = 5_000;

/** Sends a copy of some calls to a version of the service. Nobody waits for its answer, and nobody hears of it. */
export function mirrorLayer(next: Send, rule: MirrorRule, parts: MirrorParts): Send {
  const { clock, cluster, sendCopy, count } = parts;
  const { version, hits } = rule;
  let copies = 0;

  const mirror = (call: Call): void => {
    if (copies >= MAX_COPIES || !cluster.serves(version)) {
      count("mirror_skipped");
      return;
    }
    count("mirrored");
    copies++;
    const leftMs = (call.deadlineAtMs ?? Number.POSITIVE_INFINITY) - clock.monotonic();
    const copy: Call = {
      ...call,
      headers: { ...call.headers },
      version,
      tried: undefined,
      onAbort: undefined,
    };
    const timer = setTimeout(
      () => abort(copy, verdictOfMesh(Code.DeadlineExceeded, "the copy took too long", { reached: true })),
      Math.min(leftMs, MAX_COPY_MS),
    );
    sendCopy(copy, () => {
      clearTimeout(timer);
      copies--;
    });
  };

  return (call, done) => {
    if (hits()) mirror(call);
    next(call, done);
  };
}
