import {
  IdentityErrorDetailSchema,
  IdentityErrorReason,
} from "@antiphon/proto/antiphon/identity/v1/identity";
import { PlayerErrorDetailSchema, PlayerErrorReason } from "@antiphon/proto/antiphon/player/v1/player";
import { Code, ConnectError } from "@connectrpc/connect";

/** Codes that another try may cure. */
const passing = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Aborted,
  Code.Unknown,
]);

/** Whether trying the call again cannot help. What is no Connect error is a failed connection. */
export function isFinal(error: unknown): boolean {
  return !passing.has(ConnectError.from(error).code);
}

/** Whether the caller is not signed in, or no longer. */
export function isUnauthenticated(error: unknown): boolean {
  return ConnectError.from(error).code === Code.Unauthenticated;
}

export function isNotFound(error: unknown): boolean {
  return ConnectError.from(error).code === Code.NotFound;
}

const byIdentityReason: Partial<Record<IdentityErrorReason, string>> = {
  [IdentityErrorReason.EMAIL_TAKEN]: "There is an account with this e-mail address already. Sign in instead?",
  [IdentityErrorReason.WRONG_CREDENTIALS]: "That e-mail address and password do not go together.",
  [IdentityErrorReason.SESSION_EXPIRED]: "Your session has ended. Please sign in again.",
  [IdentityErrorReason.SESSION_REUSED]: "Your session was ended for safety. Please sign in again.",
};

const byPlayerReason: Partial<Record<PlayerErrorReason, string>> = {
  [PlayerErrorReason.NOT_PACKAGED_YET]: "It is still being prepared. Try again in a moment.",
  [PlayerErrorReason.PACKAGING_FAILED]: "Its audio file could not be read.",
  [PlayerErrorReason.TRACK_NOT_FOUND]: "It is no longer in the catalog.",
};

const byCode: Partial<Record<Code, string>> = {
  [Code.Unavailable]: "Antiphon cannot be reached right now.",
  [Code.DeadlineExceeded]: "Antiphon took too long to answer.",
  [Code.ResourceExhausted]: "That was a lot at once. Wait a moment, then try again.",
  [Code.Unknown]: "Antiphon cannot be reached right now.",
  [Code.Internal]: "Something went wrong on our side.",
  [Code.PermissionDenied]: "You may not do that.",
};

/** A sentence for people. Reasons of the contract first, then the code, then what the server said. */
export function describeError(error: unknown): string {
  const connectError = ConnectError.from(error);
  const [identity] = connectError.findDetails(IdentityErrorDetailSchema);
  const [player] = connectError.findDetails(PlayerErrorDetailSchema);
  return (
    (identity && byIdentityReason[identity.reason]) ??
    (player && byPlayerReason[player.reason]) ??
    byCode[connectError.code] ??
    connectError.rawMessage
  );
}
