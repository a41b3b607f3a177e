import {
  type Ending,
  type EnteredCall,
  type KindGuard,
  type LoadGuard,
  type PriorityName,
  type Wait,
  Waits,
} from "@antiphon/mesh";
import { Priority } from "@antiphon/proto/antiphon/options/v1/options";
import type { DescMethod } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { Route } from "../contracts/routes.ts";
import { failureOf } from "../failures.ts";
import type { NodeResponse } from "../front.ts";
import { notNow } from "./refusal.ts";

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
  const arriving = new Waits<CountedCall>(ARRIVES_WITHIN_MS, (call) => call.stopCounting());
  return {
    admit(route, response) {
      const kind = kindOf(route);
      if (kind.refusal()) {
        throw notNow("the gateway is overloaded, come back later", Code.Unavailable, COME_BACK_MS);
      }
      if (route.method.methodKind === "unary") new CountedCall(kind, response, arriving);
    },
  };
}

const PRIORITIES: Readonly<Record<Priority, PriorityName>> = {
  [Priority.SHEDDABLE]: "sheddable",
  [Priority.UNSPECIFIED]: "normal",
  [Priority.NORMAL]: "normal",
  [Priority.CRITICAL]: "critical",
};

/**
 * Counts from its beginning: many may begin before the first is there whole. What it takes is measured
 * from when it is, and one that is long in coming takes no time of the process: it shall not keep others out.
 */
class CountedCall {
  readonly #kind: KindGuard;
  readonly #response: NodeResponse;
  readonly #arriving: Waits<CountedCall>;
  readonly #arrival: Wait<CountedCall>;
  /** Undefined while it does not count. */
  #entered: EnteredCall | undefined;

  constructor(kind: KindGuard, response: NodeResponse, arriving: Waits<CountedCall>) {
    this.#kind = kind;
    this.#response = response;
    this.#arriving = arriving;
    this.#entered = kind.enter();
    this.#arrival = arriving.begin(this);
    response.req.on("end", () => this.#onWhole());
    response.on("close", () => this.#onClose());
  }

  stopCounting(): void {
    this.#entered?.leave("failed");
    this.#entered = undefined;
  }

  #onWhole(): void {
    this.#arriving.callOff(this.#arrival);
    // Refused, or given up, meanwhile.
    if (this.#response.writableEnded || this.#response.destroyed) return;
    this.#entered ??= this.#kind.enter();
    this.#entered.start();
  }

  #onClose(): void {
    this.#arriving.callOff(this.#arrival);
    this.#entered?.leave(endingOf(this.#response));
  }
}

function endingOf(response: NodeResponse): Ending {
  const code = failureOf(response);
  if (!response.writableFinished || code === Code.DeadlineExceeded) return "given_up";
  return code === undefined ? "answered" : "failed";
}
