import { CallError } from "@antiphon/mesh";
import { MeshErrorDetailSchema, MeshErrorReason } from "@antiphon/proto/antiphon/mesh/v1/errors";
import { Code, ConnectError } from "@connectrpc/connect";
import { notNow } from "./limits/refusal.ts";

/** Reasons of the mesh's own that mean: nobody is there. */
const AWAY: ReadonlySet<unknown> = new Set([MeshErrorReason.NO_ENDPOINTS, MeshErrorReason.CONNECTION_LOST]);

const COME_BACK_MS = 1000;

/**
 * What the caller is told of a failed call: code, message and details as the service said them. Its metadata
 * is between the service and us, and so is where it could not be reached: a service that is away is named,
 * with when to come back.
 */
export function toldOf(error: ConnectError): ConnectError {
  const told = isAway(error)
    ? notNow(`${serviceOf(error)} is away, come back later`, Code.Unavailable, COME_BACK_MS)
    : new ConnectError(error.rawMessage, error.code);
  told.details = error.details;
  told.cause = error;
  return told;
}

/** A service may hand on the same details from one that it called: those are read from the wire. */
function isAway(error: ConnectError): error is CallError {
  if (!(error instanceof CallError) || error.code !== Code.Unavailable) return false;
  return error.details.some(
    (detail) => "desc" in detail && detail.desc === MeshErrorDetailSchema && AWAY.has(reasonOf(detail.value)),
  );
}

function reasonOf(value: object): unknown {
  return "reason" in value ? value.reason : undefined;
}

function serviceOf({ method }: CallError): string {
  return method.split("/")[0] ?? method;
}
