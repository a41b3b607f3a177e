import type { BalanceSnapshot } from "../balance/snapshot.ts";
import type { shownPolicy } from "../policy/policy-source.ts";

/** What `/debug/mesh` shows of one target. */
export interface TargetSnapshot extends BalanceSnapshot {
  readonly target: string;
  /** Who calls it: the mesh's own client, or a channel of grpc-js. */
  readonly client: "mesh" | "grpc-js";
  /** Whether discovery has answered at least once. */
  readonly discovered: boolean;
  /** Calls that wait for an endpoint; grpc-js does not tell. */
  readonly waiting?: number;
  /** 1 is untouched, 0 used up. */
  readonly retryBudgetRemaining: number;
  /** The traffic policy that is followed, and why a newer one is refused. */
  readonly policy: ReturnType<typeof shownPolicy>;
}

const shown = new Set<() => TargetSnapshot>();

/** Shows a target at `/debug/mesh` until the function returned is called. */
export function showTarget(snapshot: () => TargetSnapshot): () => void {
  shown.add(snapshot);
  return () => shown.delete(snapshot);
}

/** Every target that this process talks to, for `/debug/mesh`. */
export function debugSnapshot(): TargetSnapshot[] {
  return [...shown].map((snapshot) => snapshot());
}
