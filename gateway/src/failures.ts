import { type Code, createContextKey } from "@connectrpc/connect";
import type { NodeResponse } from "./front.ts";

/** How calls failed, for who counts them: in most protocols the HTTP status does not tell. */
const codes = new WeakMap<NodeResponse, Code>();

export function noteFailure(response: NodeResponse, code: Code): void {
  codes.set(response, code);
}

/** The code that was noted; undefined where the call succeeded, or was refused by HTTP's status alone. */
export function failureOf(response: NodeResponse): Code | undefined {
  return codes.get(response);
}

/** Notes the failure of a translated call. */
export const failureKey = createContextKey<(code: Code) => void>(() => {});
