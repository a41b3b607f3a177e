import type { Clock } from "@antiphon/mesh";
import type pg from "pg";
import type { Tracks } from "./catalog.ts";
import type { Publisher } from "./events.ts";

/** What the handlers stand on. */
export interface PlaylistDeps {
  readonly pool: pg.Pool;
  readonly tracks: Tracks;
  readonly outbox: Publisher;
  readonly clock: Clock;
}
