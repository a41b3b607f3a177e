import { fail } from "@antiphon/mesh";
import { CatalogErrorDetailSchema, CatalogErrorReason } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { MediaErrorDetailSchema, MediaErrorReason } from "@antiphon/proto/antiphon/media/v1/media";
import { Code, type ConnectError } from "@connectrpc/connect";

const CODES: Record<CatalogErrorReason, Code> = {
  [CatalogErrorReason.UNSPECIFIED]: Code.Internal,
  [CatalogErrorReason.TRACK_NOT_FOUND]: Code.NotFound,
  [CatalogErrorReason.ALBUM_NOT_FOUND]: Code.NotFound,
  [CatalogErrorReason.ARTIST_NOT_FOUND]: Code.NotFound,
  [CatalogErrorReason.FOLDER_UNREADABLE]: Code.InvalidArgument,
  [CatalogErrorReason.LYRICS_NOT_FOUND]: Code.NotFound,
  [CatalogErrorReason.PAGE_TOKEN_INVALID]: Code.InvalidArgument,
  // The track is there, its file is not: trying again does not help until somebody puts it back.
  [CatalogErrorReason.SOURCE_MISSING]: Code.FailedPrecondition,
};

/** The error of a handler for one of the contract's reasons; `subject` is the id, folder or token it is about. */
export function refuse(reason: CatalogErrorReason, subject: string, message: string): ConnectError {
  return fail(CODES[reason], message, CatalogErrorDetailSchema, { reason, subject });
}

const MEDIA_CODES: Record<MediaErrorReason, Code> = {
  [MediaErrorReason.UNSPECIFIED]: Code.Internal,
  [MediaErrorReason.OBJECT_NOT_FOUND]: Code.NotFound,
  [MediaErrorReason.RANGE_NOT_SATISFIABLE]: Code.OutOfRange,
  [MediaErrorReason.OBJECT_DAMAGED]: Code.DataLoss,
};

/** The same for the contract that all owners of media share. */
export function refuseObject(reason: MediaErrorReason, objectId: string, message: string): ConnectError {
  return fail(MEDIA_CODES[reason], message, MediaErrorDetailSchema, { reason, subject: objectId });
}
