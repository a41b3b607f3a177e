import { type Code, type ContextValues, createContextKey } from "@connectrpc/connect";
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

/** What a translated call is answered with. */
export const responseKey = createContextKey<NodeResponse | undefined>(undefined);

export function responseOf({ values }: { readonly values: ContextValues }): NodeResponse {
  const response = values.get(responseKey);
  if (!response) throw new Error("a translated call was not told its response");
  return response;
}
