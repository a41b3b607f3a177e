import { MediaErrorReason, type MediaService } from "@antiphon/proto/antiphon/media/v1/media";
import type { ServiceImpl } from "@connectrpc/connect";
import type { CoverStore, StoredCover } from "./cover-store.ts";
import { refuseObject } from "./errors.ts";

const CHUNK_BYTES = 64 * 1024;

/** Cover art: immutable, public, addressed by its content. */
export function mediaService(covers: CoverStore): ServiceImpl<typeof MediaService> {
  async function required(objectId: string): Promise<StoredCover> {
    const cover = await covers.stat(objectId);
    if (cover) return cover;
    throw refuseObject(MediaErrorReason.OBJECT_NOT_FOUND, objectId, `there is no cover ${objectId}`);
  }

  return {
    async statObject({ objectId }) {
      const { id, sizeBytes, contentType } = await required(objectId);
      return { sizeBytes: BigInt(sizeBytes), contentType, etag: id, public: true };
    },

    async *readObject({ objectId, offset, length }) {
      const { id, sizeBytes } = await required(objectId);
      if (offset > 0n && offset >= sizeBytes) {
        const message = `offset: must be below the size, ${sizeBytes} bytes (was ${offset})`;
        throw refuseObject(MediaErrorReason.RANGE_NOT_SATISFIABLE, objectId, message);
      }
      const wanted = Number(length) || sizeBytes;
      const end = Math.min(sizeBytes, Number(offset) + wanted);
      for (let at = Number(offset); at < end; at += CHUNK_BYTES) {
        yield { chunk: await covers.read(id, at, Math.min(CHUNK_BYTES, end - at)) };
      }
    },
  };
}
