import { MediaErrorReason, type MediaService } from "@antiphon/proto/antiphon/media/v1/media";
import type { ServiceImpl } from "@connectrpc/connect";
import type { DamageReports } from "./damage.ts";
import { refuseObject } from "./errors.ts";
import { DamagedObjectError, type ObjectStore } from "./storage/object-store.ts";

export interface MediaDeps {
  readonly objects: Pick<ObjectStore, "size" | "read">;
  readonly damage: DamageReports;
}

/**
 * Renditions: immutable, by signed URL, addressed by their content. Served from the storage alone, so that
 * what plays goes on playing while the database is away. Bytes that are not what they were are `data_loss`.
 */
export function mediaService({ objects, damage }: MediaDeps): ServiceImpl<typeof MediaService> {
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
      try {
        for await (const chunk of objects.read(objectId, start, end)) yield { chunk };
      } catch (error) {
        lost(error);
      }
    },
  };
}
