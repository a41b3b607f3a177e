import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { createConnectQueryKey } from "@connectrpc/connect-query";
import { partialMatchKey, type QueryKey } from "@tanstack/react-query";

/** Names the answers of GetMe in the cache. */
export const meKey = createConnectQueryKey({ schema: IdentityService.method.getMe, cardinality: "finite" });

/** Whether a key names an answer of GetMe. */
export function isMe(key: QueryKey): boolean {
  return partialMatchKey(key, meKey);
}
