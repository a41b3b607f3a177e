export { type Backing, backing, freshDatabase, type TestDatabase } from "./backing.ts";
export { ManualClock } from "./manual-clock.ts";
export { type UntilOptions, until } from "./until.ts";
