import { fail } from "@antiphon/mesh";
import { MediaErrorDetailSchema, MediaErrorReason } from "@antiphon/proto/antiphon/media/v1/media";
import { PlayerErrorDetailSchema, PlayerErrorReason } from "@antiphon/proto/antiphon/player/v1/player";
import { QueueErrorDetailSchema, QueueErrorReason } from "@antiphon/proto/antiphon/player/v1/queue";
import { Code, type ConnectError } from "@connectrpc/connect";

const CODES: Record<PlayerErrorReason, Code> = {
  [PlayerErrorReason.UNSPECIFIED]: Code.Internal,
  [PlayerErrorReason.TRACK_NOT_FOUND]: Code.NotFound,
  // Not unavailable, which the mesh would hold against this instance: any other one would say the same.
  [PlayerErrorReason.NOT_PACKAGED_YET]: Code.FailedPrecondition,
  [PlayerErrorReason.PACKAGING_FAILED]: Code.FailedPrecondition,
  [PlayerErrorReason.PLAYBACK_NOT_FOUND]: Code.NotFound,
  [PlayerErrorReason.NOT_HEARD_YET]: Code.FailedPrecondition,
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
  [MediaErrorReason.OBJECT_DAMAGED]: Code.DataLoss,
};

/** The same for the contract that all owners of media share. */
export function refuseObject(reason: MediaErrorReason, objectId: string, message: string): ConnectError {
  return fail(MEDIA_CODES[reason], message, MediaErrorDetailSchema, { reason, subject: objectId });
}

const QUEUE_CODES: Record<QueueErrorReason, Code> = {
  [QueueErrorReason.UNSPECIFIED]: Code.Internal,
  // Not resource_exhausted, which says "try later": a full queue stays full.
  [QueueErrorReason.FULL]: Code.FailedPrecondition,
  [QueueErrorReason.DEVICE_NOT_FOUND]: Code.NotFound,
};

/** The same for the queue's contract; `subject` is the device's id. */
export function refuseQueue(reason: QueueErrorReason, subject: string, message: string): ConnectError {
  return fail(QUEUE_CODES[reason], message, QueueErrorDetailSchema, { reason, subject });
}
