import type { Logger } from "pino";
import type { Transition } from "../balance/endpoint-state.ts";

/** One line for each change of an endpoint's state; an ejection is a warning. */
export function logTransition(log: Logger | undefined, target: string, transition: Transition): void {
  const { endpoint, from, to, cause, reason } = transition;
  const level = to === "ejected" ? "warn" : "info";
  log?.[level]({ target, endpoint, from, to, cause, reason }, `endpoint is ${to}`);
}
