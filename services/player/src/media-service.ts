import { signMediaPath } from "@antiphon/mesh";
import { MediaErrorReason, type MediaService } from "@antiphon/proto/antiphon/media/v1/media";
import type { ServiceImpl } from "@connectrpc/connect";
import type { AudioStore } from "./audio-store.ts";
import type { DamageReports } from "./damage.ts";
import { refuseObject } from "./errors.ts";
import { playlist, playlistNamed } from "./hls.ts";
import { DamagedObjectError, type ObjectStore } from "./storage/object-store.ts";

export interface MediaDeps {
  readonly objects: Pick<ObjectStore, "size" | "read">;
  readonly damage: DamageReports;
  readonly audio: Pick<AudioStore, "find">;
  /** Shared with the gateway: playlists name signed URLs. */
  readonly mediaKey: string;
}

/**
 * Renditions: immutable, by signed URL, addressed by their content. Served from the storage alone, so that
 * what plays goes on playing while the database is away. Bytes that are not what they were are `data_loss`.
 * And playlists of them, written when they are asked for.
 */
export function mediaService({
  objects,
  damage,
  audio,
  mediaKey,
}: MediaDeps): ServiceImpl<typeof MediaService> {
  async function sizeOf(objectId: string): Promise<number> {
    const size = await objects.size(objectId).catch((error) => lost(error));
    if (size !== undefined) return size;
    throw refuseObject(MediaErrorReason.OBJECT_NOT_FOUND, objectId, `there is no rendition ${objectId}`);
  }

  function lost(error: unknown): never {
    if (!(error instanceof DamagedObjectError)) throw error;
    const { objectId } = error;
    damage.found(objectId);
    const message = `rendition ${objectId} is damaged where it is kept; it is being made again`;
    throw refuseObject(MediaErrorReason.OBJECT_DAMAGED, objectId, message);
  }

  /** The playlist with this id; undefined where the id is not one of a playlist's. */
  async function playlistOf(objectId: string): Promise<Buffer | undefined> {
    const name = playlistNamed(objectId);
    if (!name) return undefined;
    const found = await audio.find(name.trackId, name.codec);
    const sign = (id: string) => signMediaPath(mediaKey, `/media/player/${id}`, name.expiresAtS * 1000);
    const text = found && playlist(name, found, sign);
    if (text !== undefined) return Buffer.from(text);
    throw refuseObject(MediaErrorReason.OBJECT_NOT_FOUND, objectId, `there is no playlist ${objectId}`);
  }

  return {
    async statObject({ objectId }) {
      const written = await playlistOf(objectId);
      if (written) {
        const contentType = "application/vnd.apple.mpegurl";
        return { sizeBytes: BigInt(written.length), contentType, etag: objectId, public: false };
      }
      const size = await sizeOf(objectId);
      return { sizeBytes: BigInt(size), contentType: "audio/mp4", etag: objectId, public: false };
    },

    async *readObject({ objectId, offset, length }) {
      const written = await playlistOf(objectId);
      const size = written?.length ?? (await sizeOf(objectId));
      const start = Number(offset);
      if (start > 0 && start >= size) {
        const message = `offset: must be below the size, ${size} bytes (was ${offset})`;
        throw refuseObject(MediaErrorReason.RANGE_NOT_SATISFIABLE, objectId, message);
      }
      const end = length ? Math.min(size, start + Number(length)) : size;
      if (written) {
        yield* inChunks(written.subarray(start, end));
        return;
      }
      try {
        for await (const chunk of objects.read(objectId, start, end)) yield { chunk };
      } catch (error) {
        lost(error);
      }
    },
  };
}

const CHUNK_BYTES = 64 * 1024;

function* inChunks(bytes: Buffer) {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES)
    yield { chunk: bytes.subarray(at, at + CHUNK_BYTES) };
}
