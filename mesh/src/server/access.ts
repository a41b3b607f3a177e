import { MeshErrorDetailSchema, MeshErrorReason } from "@antiphon/proto/antiphon/mesh/v1/errors";
import { Access, method as methodOption } from "@antiphon/proto/antiphon/options/v1/options";
import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { ListenerIdentity, ListenerProof } from "../call-scope.ts";
import { fail } from "../errors.ts";
import type { IdentityVerifier } from "../identity/listener-proof.ts";

/** What the contract says of who may make a call; internal where it says nothing. */
export function accessOf(method: DescMethod): Access {
  const access = hasOption(method, methodOption)
    ? getOption(method, methodOption).access
    : Access.UNSPECIFIED;
  return access === Access.UNSPECIFIED ? Access.INTERNAL : access;
}

/** The proof that somebody entitled to it has named this listener; throws `unauthenticated` without it. */
export function verifiedProof(
  identity: IdentityVerifier,
  listener: ListenerIdentity,
  token: string | undefined,
): ListenerProof {
  try {
    return identity.verify(listener, token);
  } catch (error) {
    const { message } = error as Error;
    const reason = MeshErrorReason.LISTENER_REQUIRED;
    throw fail(Code.Unauthenticated, message, MeshErrorDetailSchema, { reason });
  }
}

/**
 * The server's own check, behind the gateway's: throws `unauthenticated` where the contract asks for a
 * listener and there is none, `permission_denied` where it asks for an operator and the listener is not.
 */
export function requireAccess(access: Access, listener: ListenerIdentity | undefined): void {
  if (access !== Access.LISTENER && access !== Access.OPERATOR) return;
  if (!listener) {
    throw fail(Code.Unauthenticated, "sign in to do this", MeshErrorDetailSchema, {
      reason: MeshErrorReason.LISTENER_REQUIRED,
    });
  }
  if (access === Access.OPERATOR && !listener.operator) {
    throw fail(Code.PermissionDenied, "only operators may do this", MeshErrorDetailSchema, {
      reason: MeshErrorReason.OPERATOR_REQUIRED,
    });
  }
}
