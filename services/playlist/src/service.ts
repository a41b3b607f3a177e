import { newId, requireListener, withTransaction } from "@antiphon/mesh";
import {
  AddTracksResponseSchema,
  ApplyChangesResponseSchema,
  CreatePlaylistResponseSchema,
  DeletePlaylistResponseSchema,
  ExportPlaylistsResponseSchema,
  GetChangesResponseSchema,
  GetPlaylistResponseSchema,
  ListPlaylistsResponseSchema,
  PlaylistService,
} from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { rememberCovers } from "./cover-store.ts";
import type { PlaylistDeps } from "./deps.ts";
import { aheadOf, edit, requireOwned, requireReadable } from "./editing.ts";
import { publishDeleted } from "./events.ts";
import { answerOnce, findAnswer } from "./idempotency.ts";
import { likeHandlers } from "./likes.ts";
import { changeOf, itemMessage, logMessage, placeToAdd, playlistMessage, visibilityOf } from "./messages.ts";
import { page } from "./paging.ts";
import type { Change, Place } from "./playlist.ts";
import {
  changesSince,
  exportPlaylists,
  findHead,
  findSnapshot,
  insertPlaylist,
  listPlaylists,
  lockPlaylist,
  markDeleted,
} from "./playlist-store.ts";

/** Most changes in one answer of GetChanges; who wants more asks again from the last one. */
const CHANGES_PAGE = 1000;

export function playlistService(deps: PlaylistDeps): ServiceImpl<typeof PlaylistService> {
  const { pool, tracks, outbox, clock } = deps;

  return {
    ...likeHandlers(deps),

    createPlaylist(request) {
      const { id: authorId } = requireListener();
      const call = { method: PlaylistService.method.createPlaylist, request, listenerId: authorId };
      const atMs = clock.now();
      return answerOnce(pool, call, atMs, async (tx) => {
        const playlistId = newId("pl");
        await insertPlaylist(tx, playlistId, authorId, atMs);
        const changes: Change[] = [
          { kind: "rename", name: request.name.trim() },
          { kind: "set_visibility", visibility: visibilityOf(request.visibility) },
        ];
        const { head } = await edit(tx, outbox, { playlistId, authorId, baseRevision: 0n, changes, atMs });
        return create(CreatePlaylistResponseSchema, { playlist: playlistMessage(head) });
      });
    },

    async getPlaylist({ playlistId }) {
      const found = await findSnapshot(pool, playlistId);
      const playlist = requireReadable(found, playlistId, requireListener().id);
      const known = await tracks.glimpse(playlist.items.map((item) => item.trackId));
      return create(GetPlaylistResponseSchema, {
        playlist: playlistMessage(playlist),
        items: playlist.items.map((item) => itemMessage(item, known)),
      });
    },

    async listPlaylists(request) {
      const { id } = requireListener();
      const { rows, nextPageToken } = await page(
        request,
        (after, limit) => listPlaylists(pool, id, after, limit),
        (head) => ({ atMs: head.changedAtMs, id: head.id }),
      );
      return create(ListPlaylistsResponseSchema, { playlists: rows.map(playlistMessage), nextPageToken });
    },

    async deletePlaylist({ playlistId }) {
      const { id } = requireListener();
      await withTransaction(pool, async (tx) => {
        await lockPlaylist(tx, playlistId);
        const head = await findHead(tx, playlistId);
        if (head?.deleted && head.ownerId === id) return;
        requireOwned(head, playlistId, id);
        await markDeleted(tx, playlistId, clock.now());
        await publishDeleted(outbox, tx, playlistId);
      });
      return create(DeletePlaylistResponseSchema);
    },

    async addTracks(request) {
      const { id: authorId } = requireListener();
      const { playlistId, trackIds } = request;
      const call = { method: PlaylistService.method.addTracks, request, listenerId: authorId };
      const answered = await findAnswer(pool, call);
      if (answered) return answered;
      requireOwned(await findHead(pool, playlistId), playlistId, authorId);
      // Before the transaction: no lock is held while another service thinks.
      const known = await tracks.require(trackIds);
      const atMs = clock.now();
      return answerOnce(pool, call, atMs, async (tx) => {
        const changes = additions(trackIds, placeToAdd(request.afterItemId));
        await rememberCovers(tx, known.values());
        const { head, items } = await edit(tx, outbox, {
          playlistId,
          authorId,
          baseRevision: 0n,
          changes,
          atMs,
        });
        const added = new Set(changes.map((change) => change.itemId));
        return create(AddTracksResponseSchema, {
          playlist: playlistMessage(head),
          added: items.filter((item) => added.has(item.itemId)).map((item) => itemMessage(item, known)),
        });
      });
    },

    async applyChanges(request) {
      const { id: authorId } = requireListener();
      const { playlistId, baseRevision } = request;
      const call = { method: PlaylistService.method.applyChanges, request, listenerId: authorId };
      const atMs = clock.now();
      const answer = await answerOnce(pool, call, atMs, async (tx) => {
        const changes = request.changes.map(changeOf);
        const { head, items } = await edit(tx, outbox, { playlistId, authorId, baseRevision, changes, atMs });
        return create(ApplyChangesResponseSchema, {
          playlist: playlistMessage(head),
          items: items.map((item) => itemMessage(item)),
        });
      });
      const known = await tracks.glimpse(answer.items.map((item) => item.trackId));
      for (const item of answer.items) item.track = known.get(item.trackId);
      return answer;
    },

    async getChanges({ playlistId, sinceRevision }) {
      const found = await findHead(pool, playlistId);
      const head = requireReadable(found, playlistId, requireListener().id);
      if (sinceRevision > head.revision) throw aheadOf(head, "since_revision", sinceRevision);
      const entries = await changesSince(pool, playlistId, sinceRevision, CHANGES_PAGE);
      return create(GetChangesResponseSchema, {
        changes: entries.map(logMessage),
        revision: BigInt(head.revision),
      });
    },

    async *exportPlaylists() {
      for await (const { head, keySeq } of exportPlaylists(pool)) {
        yield create(ExportPlaylistsResponseSchema, { playlist: playlistMessage(head), keySeq });
      }
    },
  };
}

/** One after another, in the order of the request. */
function additions(trackIds: readonly string[], first: Place) {
  let place = first;
  return trackIds.map((trackId) => {
    const change = { kind: "add" as const, itemId: newId("itm"), trackId, place };
    place = { after: change.itemId };
    return change;
  });
}
