import { fail } from "@antiphon/mesh";
import { MediaErrorDetailSchema, MediaErrorReason } from "@antiphon/proto/antiphon/media/v1/media";
import { PlayerErrorDetailSchema, PlayerErrorReason } from "@antiphon/proto/antiphon/player/v1/player";
import { Code, type ConnectError } from "@connectrpc/connect";

const CODES: Record<PlayerErrorReason, Code> = {
  [PlayerErrorReason.UNSPECIFIED]: Code.Internal,
  [PlayerErrorReason.TRACK_NOT_FOUND]: Code.NotFound,
  // Not unavailable, which the mesh would hold against this instance: any other one would say the same.
  [PlayerErrorReason.NOT_PACKAGED_YET]: Code.FailedPrecondition,
  [PlayerErrorReason.PACKAGING_FAILED]: Code.FailedPrecondition,
  [PlayerErrorReason.PLAYBACK_NOT_FOUND]: Code.NotFound,
  [PlayerErrorReason.PAGE_TOKEN_INVALID]: Code.InvalidArgument,
};

/** The error of a handler for one of the contract's reasons; `subject` is the id or token it is about. */
export function refuse(reason: PlayerErrorReason, subject: string, message: string): ConnectError {
  return fail(CODES[reason], message, PlayerErrorDetailSchema, { reason, subject });
}

const MEDIA_CODES: Record<MediaErrorReason, Code> = {
  [MediaErrorReason.UNSPECIFIED]: Code.Internal,
  [MediaErrorReason.OBJECT_NOT_FOUND]: Code.NotFound,
  [MediaErrorReason.RANGE_NOT_SATISFIABLE]: Code.OutOfRange,
};

/** The same for the contract that all owners of media share. */
export function refuseObject(reason: MediaErrorReason, objectId: string, message: string): ConnectError {
  return fail(MEDIA_CODES[reason], message, MediaErrorDetailSchema, { reason, subject: objectId });
}
