import { IdentityService, type Listener } from "@antiphon/proto/antiphon/identity/v1/identity";
import { createConnectQueryKey, useMutation, useQuery, useTransport } from "@connectrpc/connect-query";
import { useQueryClient } from "@tanstack/react-query";
import { usePlayer } from "../playback/player-context.tsx";
import { isMe, meKey } from "../rpc/me-key.ts";

/** Who listens. `unknown` until the gateway has said so, or while it cannot be reached. */
export type Session =
  | { readonly status: "unknown"; readonly listener: undefined }
  | { readonly status: "signed-out"; readonly listener: undefined }
  | { readonly status: "signed-in"; readonly listener: Listener };

/** The session of this browser. */
export function useSession(): Session {
  const { data, isPending } = useQuery(
    IdentityService.method.getMe,
    {},
    { staleTime: Number.POSITIVE_INFINITY },
  );
  if (data?.listener) return { status: "signed-in", listener: data.listener };
  return isPending
    ? { status: "unknown", listener: undefined }
    : { status: "signed-out", listener: undefined };
}

/** What a sign-in or a registration leads to: the page learns who listens, and asks everything anew. */
export function useSignedIn(): (listener: Listener | undefined) => void {
  const client = useQueryClient();
  const transport = useTransport();
  return (listener) => {
    if (!listener) return;
    const key = createConnectQueryKey({
      schema: IdentityService.method.getMe,
      input: {},
      transport,
      cardinality: "finite",
    });
    // In place, so that what is on the page already hears of it.
    client.setQueryData(key, { $typeName: "antiphon.identity.v1.GetMeResponse", listener });
    client.removeQueries({ predicate: ({ queryKey }) => !isMe(queryKey) });
  };
}

/** Ends the session, the music and what the page remembers. */
export function useSignOut(): () => void {
  const client = useQueryClient();
  const player = usePlayer();
  const { mutate } = useMutation(IdentityService.method.signOut, {
    onSettled: async () => {
      // First who listens: what is only for listeners leaves the page then, and is not asked for again.
      await client.resetQueries({ queryKey: meKey });
      client.removeQueries({ predicate: ({ queryKey }) => !isMe(queryKey) });
    },
  });
  return () => {
    player.clear();
    mutate({});
  };
}
