import type { ServiceDeps } from "@antiphon/mesh";
import { LRUCache } from "lru-cache";
import { Counter } from "prom-client";
import type { AudioStore } from "./audio-store.ts";

export interface DamageDeps extends Pick<ServiceDeps, "log" | "metrics"> {
  readonly audio: Pick<AudioStore, "remake">;
}

/** Is told of objects that are damaged. */
export interface DamageReports {
  /** Counts and logs it, and has the object made again. Does not wait for that, and never throws. */
  found(objectId: string): void;
}

/** Everybody who listens finds the same damage: so often it is said, milliseconds. */
const QUIET_MS = 10_000;

export function damageReports({ log, metrics, audio }: DamageDeps): DamageReports {
  const reads = new Counter({
    name: "player_damaged_reads_total",
    help: "Reads of packaged audio that were refused because its bytes are not what was written",
    registers: [metrics],
  });
  const lately = new LRUCache<string, true>({ max: 1_000, ttl: QUIET_MS });
  return {
    found(objectId) {
      reads.inc();
      if (lately.has(objectId)) return;
      lately.set(objectId, true);
      log.error({ objectId }, "packaged audio is damaged where it is kept; it is made again");
      audio.remake(objectId).catch((error: unknown) => {
        lately.delete(objectId);
        log.warn({ objectId, err: error }, "damaged audio could not be queued; the next read tries again");
      });
    },
  };
}
