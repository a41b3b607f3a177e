import { fail } from "@antiphon/mesh";
import {
  PlaylistErrorDetailSchema,
  PlaylistErrorReason,
} from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { Code, type ConnectError } from "@connectrpc/connect";

const CODES: Record<PlaylistErrorReason, Code> = {
  [PlaylistErrorReason.UNSPECIFIED]: Code.Internal,
  [PlaylistErrorReason.PLAYLIST_NOT_FOUND]: Code.NotFound,
  [PlaylistErrorReason.TRACK_NOT_FOUND]: Code.NotFound,
  [PlaylistErrorReason.ITEM_NOT_FOUND]: Code.NotFound,
  [PlaylistErrorReason.NOT_OWNER]: Code.PermissionDenied,
  // Not resource_exhausted, which says "try later": a full playlist stays full.
  [PlaylistErrorReason.FULL]: Code.FailedPrecondition,
  [PlaylistErrorReason.PAGE_TOKEN_INVALID]: Code.InvalidArgument,
};

/** The error of a handler for one of the contract's reasons; `subject` is the id it is about. */
export function refuse(reason: PlaylistErrorReason, subject: string, message: string): ConnectError {
  return fail(CODES[reason], message, PlaylistErrorDetailSchema, { reason, subject });
}
