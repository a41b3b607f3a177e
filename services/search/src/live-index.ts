import type { FollowedEvent, KeyPositions, ReadModel } from "@antiphon/mesh/events";
import type { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import {
  TrackChangedSchema,
  TrackImportedSchema,
  TrackRemovedSchema,
} from "@antiphon/proto/antiphon/catalog/v1/events";
import { PlaylistChangedSchema, PlaylistDeletedSchema } from "@antiphon/proto/antiphon/playlist/v1/events";
import type { PlaylistService } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { isMessage } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { MusicIndex } from "./music-index.ts";

export interface LiveIndexDeps {
  readonly catalog: Pick<Client<typeof CatalogService>, "exportTracks">;
  readonly playlists: Pick<Client<typeof PlaylistService>, "exportPlaylists">;
}

const TRACKS = "catalog.track";
const PLAYLISTS = "playlist.playlist";

/**
 * The index of this replica, as a read model: loaded from the owners' exports, kept live by their events.
 * While it is loaded again, searches go on in the old one.
 */
export class LiveIndex implements ReadModel {
  readonly aggregates = [TRACKS, PLAYLISTS];
  readonly #deps: LiveIndexDeps;
  #index: MusicIndex | undefined;

  constructor(deps: LiveIndexDeps) {
    this.#deps = deps;
  }

  /** Undefined until it is loaded for the first time. */
  get index(): MusicIndex | undefined {
    return this.#index;
  }

  /** Rejects where an owner is away, and leaves everything as it was. */
  async load(positions: KeyPositions, signal: AbortSignal): Promise<void> {
    const fresh = new MusicIndex();
    try {
      for await (const rows of inBatches(this.#deps.catalog.exportTracks({}, { signal }))) {
        fresh.change((index) => {
          for (const { track } of rows) if (track) index.putTrack(track);
        });
        for (const { track, keySeq } of rows) if (track) positions.set(TRACKS, track.id, keySeq);
      }
      for await (const rows of inBatches(this.#deps.playlists.exportPlaylists({}, { signal }))) {
        fresh.change((index) => {
          for (const { playlist } of rows) if (playlist) index.putPlaylist(playlist);
        });
        for (const { playlist, keySeq } of rows) if (playlist) positions.set(PLAYLISTS, playlist.id, keySeq);
      }
      fresh.optimize();
    } catch (error) {
      fresh.close();
      throw error;
    }
    this.#index?.close();
    this.#index = fresh;
  }

  apply({ message }: FollowedEvent): void {
    this.#index?.change((index) => {
      if (isMessage(message, TrackImportedSchema) || isMessage(message, TrackChangedSchema)) {
        if (message.track) index.putTrack(message.track);
      } else if (isMessage(message, TrackRemovedSchema)) {
        index.removeTrack(message.trackId);
      } else if (isMessage(message, PlaylistChangedSchema)) {
        if (message.playlist) index.putPlaylist(message.playlist);
      } else if (isMessage(message, PlaylistDeletedSchema)) {
        index.removePlaylist(message.playlistId);
      }
    });
  }

  close(): void {
    this.#index?.close();
    this.#index = undefined;
  }
}

/** One transaction a row would cost most of a load's time; one for all of it would stop the process meanwhile. */
const BATCH = 500;

async function* inBatches<T>(rows: AsyncIterable<T>): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const row of rows) {
    if (batch.push(row) < BATCH) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}
