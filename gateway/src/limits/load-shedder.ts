import type { Ending, EnteredCall, KindGuard, LoadGuard, PriorityName } from "@antiphon/mesh";
import { Priority } from "@antiphon/proto/antiphon/options/v1/options";
import type { DescMethod } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { Route } from "../contracts/routes.ts";
import { failureOf } from "../failures.ts";
import type { NodeResponse } from "../front.ts";
import { notNow } from "./refusal.ts";
import { Waits } from "./waits.ts";

/** Gives up what matters least while the process cannot keep up. */
export interface LoadShedder {
  /**
   * Throws `unavailable` with `Retry-After` for a call that has to wait for better times. One that may begin
   * counts until its answer has left. A stream is refused as a call would be, but does not count: it may live for
   * hours and do nothing.
   */
  admit(route: Pick<Route, "method" | "semantics">, response: NodeResponse): void;
}

const COME_BACK_MS = 1_000;
/** A request that is not there whole by then does not count until it is. */
const ARRIVES_WITHIN_MS = 500;

/** Sheds by the guard of the process, as every server of the mesh does. */
export function loadShedder(guard: LoadGuard): LoadShedder {
  const kinds = new WeakMap<DescMethod, KindGuard>();
  const kindOf = ({ method, semantics }: Pick<Route, "method" | "semantics">) => {
    const known = kinds.get(method) ?? guard.ofKind(PRIORITIES[semantics.priority]);
    kinds.set(method, known);
    return known;
  };
  const arriving = new Waits<Counted>(ARRIVES_WITHIN_MS, (counted) => {
    counted.call?.leave("failed");
    counted.call = undefined;
  });
  return {
    admit(route, response) {
      const kind = kindOf(route);
      if (kind.refusal()) {
        throw notNow("the gateway is overloaded, come back later", Code.Unavailable, COME_BACK_MS);
      }
      if (route.method.methodKind === "unary") count(kind, response, arriving);
    },
  };
}

/** Undefined while it does not count. */
interface Counted {
  call: EnteredCall | undefined;
}

const PRIORITIES: Readonly<Record<Priority, PriorityName>> = {
  [Priority.SHEDDABLE]: "sheddable",
  [Priority.UNSPECIFIED]: "normal",
  [Priority.NORMAL]: "normal",
  [Priority.CRITICAL]: "critical",
};

/**
 * Counts a call from its beginning: many may begin before the first is there whole. What it takes is measured
 * from when it is, and one that is long in coming takes no time of the process: it shall not keep others out.
 */
function count(kind: KindGuard, response: NodeResponse, arriving: Waits<Counted>): void {
  const counted: Counted = { call: kind.enter() };
  arriving.begin(counted);
  response.req.on("end", () => {
    arriving.callOff(counted);
    // Refused, or given up, meanwhile.
    if (response.writableEnded || response.destroyed) return;
    counted.call ??= kind.enter();
    counted.call.start();
  });
  response.on("close", () => {
    arriving.callOff(counted);
    counted.call?.leave(endingOf(response));
  });
}

function endingOf(response: NodeResponse): Ending {
  const code = failureOf(response);
  if (!response.writableFinished || code === Code.DeadlineExceeded) return "given_up";
  return code === undefined ? "answered" : "failed";
}
