export {
  ConcurrencyLimit,
  type Ended,
  type Ending,
  type LimitOptions,
  type LoopMeter,
  type PriorityName,
  type RefusalReason,
} from "./resilience/concurrency-limit.ts";
export { UnloadedTime } from "./resilience/unloaded-time.ts";
