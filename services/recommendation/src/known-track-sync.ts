import { keepRunning, type Logger, pause } from "@antiphon/mesh";
import type { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import type { KnownTrack, KnownTrackStore } from "./known-track-store.ts";

export interface SyncDeps {
  readonly catalog: Pick<Client<typeof CatalogService>, "exportTracks">;
  readonly known: KnownTrackStore;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Events carry every change; this finds what a stream that was lost or too short did not. */
const AGAIN_MS = 3_600_000;

/** Compares the known tracks with the catalog's export, at the start and each hour; waits for a catalog that is away. */
export function syncKnownTracks({ catalog, known, log, signal }: SyncDeps) {
  let synced = false;
  const running = keepRunning({ what: "reading the catalog's tracks", log, signal }, async () => {
    await known.reconcile(exportedTracks(catalog, signal));
    synced = true;
    await pause(AGAIN_MS, signal);
  });
  return {
    /** A readiness check: throws until there is something to recommend from. */
    async ready() {
      if (!synced && (await known.isEmpty())) throw new Error("the catalog's tracks are not read yet");
    },
    /** Resolves when the signal has aborted. */
    stopped: running,
  };
}

async function* exportedTracks(
  catalog: SyncDeps["catalog"],
  signal: AbortSignal,
): AsyncGenerator<KnownTrack> {
  for await (const { track, keySeq, importedAt } of catalog.exportTracks({}, { signal })) {
    if (track) yield { track, keySeq, importedAtMs: importedAt ? timestampMs(importedAt) : 0 };
  }
}
