export { Balancer, type BalancerOptions, type EndpointChanges } from "./balancer.ts";
export { type CallerLag, loopLag, noLag } from "./caller-lag.ts";
export type { Endpoint, LinkState, Ticket } from "./endpoint.ts";
export type { Cause, EjectionCause, EndpointState, Transition } from "./endpoint-state.ts";
export type { PickRecord } from "./pick-log.ts";
export {
  type Algorithm,
  type BalanceOverrides,
  type BalanceSettings,
  BalanceSettingsError,
  balanceSettings,
  DEFAULT_BALANCE,
} from "./settings.ts";
export { subsetOf } from "./subset.ts";
