import { MediaErrorReason, type MediaService } from "@antiphon/proto/antiphon/media/v1/media";
import type { ServiceImpl } from "@connectrpc/connect";
import { refuseObject } from "./errors.ts";
import type { ObjectStore } from "./object-store.ts";

/**
 * Renditions: immutable, by signed URL, addressed by their content. Served from the files alone, so that
 * what plays goes on playing while the database is away.
 */
export function mediaService(objects: ObjectStore): ServiceImpl<typeof MediaService> {
  async function sizeOf(objectId: string): Promise<number> {
    const size = await objects.size(objectId);
    if (size !== undefined) return size;
    throw refuseObject(MediaErrorReason.OBJECT_NOT_FOUND, objectId, `there is no rendition ${objectId}`);
  }

  return {
    async statObject({ objectId }) {
      const size = await sizeOf(objectId);
      return { sizeBytes: BigInt(size), contentType: "audio/mp4", etag: objectId, public: false };
    },

    async *readObject({ objectId, offset, length }) {
      const size = await sizeOf(objectId);
      const start = Number(offset);
      if (start > 0 && start >= size) {
        const message = `offset: must be below the size, ${size} bytes (was ${offset})`;
        throw refuseObject(MediaErrorReason.RANGE_NOT_SATISFIABLE, objectId, message);
      }
      const end = length ? Math.min(size, start + Number(length)) : size;
      for await (const chunk of objects.read(objectId, start, end)) yield { chunk };
    },
  };
}
