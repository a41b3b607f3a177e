import { fail } from "@antiphon/mesh";
import {
  IdentityErrorDetailSchema,
  IdentityErrorReason,
} from "@antiphon/proto/antiphon/identity/v1/identity";
import { Code, type ConnectError } from "@connectrpc/connect";

const CODES: Record<IdentityErrorReason, Code> = {
  [IdentityErrorReason.UNSPECIFIED]: Code.Internal,
  [IdentityErrorReason.EMAIL_TAKEN]: Code.AlreadyExists,
  [IdentityErrorReason.WRONG_CREDENTIALS]: Code.Unauthenticated,
  [IdentityErrorReason.SESSION_EXPIRED]: Code.Unauthenticated,
  [IdentityErrorReason.SESSION_REUSED]: Code.Unauthenticated,
  [IdentityErrorReason.LISTENER_NOT_FOUND]: Code.NotFound,
};

/** The error of a handler for one of the contract's reasons. Neither message nor subject names a person. */
export function refuse(reason: IdentityErrorReason, message: string, subject = ""): ConnectError {
  return fail(CODES[reason], message, IdentityErrorDetailSchema, { reason, subject });
}
