import { method as methodSemantics } from "@antiphon/proto/antiphon/options/v1/options";
import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";

const DEFAULT_UNARY_TIMEOUT_MS = 5_000;

/** What the contract says about a method, read once. */
export interface MethodPlan {
  readonly method: DescMethod;
  readonly kind: DescMethod["methodKind"];
  /** `package.Service`. */
  readonly service: string;
  readonly name: string;
  /** `/package.Service/Method`. */
  readonly path: string;
  /** May be sent again without harm: NO_SIDE_EFFECTS or IDEMPOTENT. */
  readonly idempotent: boolean;
  /** The deadline where the caller sets none; undefined for streams without one in their contract. */
  readonly timeoutMs: number | undefined;
}

/** Reads a method's semantics from its descriptor. */
export function planOf(method: DescMethod): MethodPlan {
  return {
    method,
    kind: method.methodKind,
    service: method.parent.typeName,
    name: method.name,
    path: `/${method.parent.typeName}/${method.name}`,
    idempotent: method.idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN,
    timeoutMs: timeoutOf(method),
  };
}

function timeoutOf(method: DescMethod): number | undefined {
  if (hasOption(method, methodSemantics)) {
    const { timeout } = getOption(method, methodSemantics);
    if (timeout) return Number(timeout.seconds) * 1_000 + timeout.nanos / 1_000_000;
  }
  return method.methodKind === "unary" ? DEFAULT_UNARY_TIMEOUT_MS : undefined;
}
