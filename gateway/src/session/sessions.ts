import { createHash } from "node:crypto";
import type { ListenerIdentity } from "@antiphon/mesh";
import type { IdentityService, Session } from "@antiphon/proto/antiphon/identity/v1/identity";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { LRUCache } from "lru-cache";
import type { HeaderView } from "../header-view.ts";
import { type AccessTokens, TokenRefused } from "./access-tokens.ts";
import { clearedCookies, readSessionCookies, sessionCookies } from "./cookies.ts";

export interface Sessions {
  /**
   * Who sends these headers: by bearer token, else by cookie. A session whose access token has
   * expired is refreshed on the way, and its new cookies are added to `setCookies`.
   * Rejects `unauthenticated` for a bearer token that is not valid, `unavailable` while identity
   * is away and its answer is needed.
   */
  authenticate(header: HeaderView, setCookies: string[]): Promise<ListenerIdentity | undefined>;
}

/** Tabs that race with the same refresh token share one answer this long. */
const REFRESH_SHARED_MS = 10_000;

interface Deps {
  readonly identity: Client<typeof IdentityService>;
  readonly tokens: AccessTokens;
  /** Whether cookies may only travel over https. */
  readonly secureCookies: boolean;
}

export function gatewaySessions({ identity, tokens, secureCookies }: Deps): Sessions {
  const refreshes = new LRUCache<string, Promise<Session>>({ max: 10_000, ttl: REFRESH_SHARED_MS });

  const refresh = (refreshToken: string): Promise<Session> => {
    const key = createHash("sha256").update(refreshToken).digest("base64");
    const running = refreshes.get(key);
    if (running) return running;
    const started = identity.refresh({ refreshToken }).then((answer) => {
      if (!answer.session) throw new ConnectError("identity answered without a session", Code.Internal);
      return answer.session;
    });
    refreshes.set(key, started);
    started.catch(() => refreshes.delete(key));
    return started;
  };

  const bySession = async (
    header: HeaderView,
    setCookies: string[],
  ): Promise<ListenerIdentity | undefined> => {
    const { accessToken, refreshToken } = readSessionCookies(header.get("cookie"));
    if (accessToken !== undefined) {
      const listener = await tokens.verify(accessToken).catch(refusedIsNobody);
      if (listener) return listener;
    }
    if (refreshToken === undefined) return undefined;
    try {
      const session = await refresh(refreshToken);
      setCookies.push(...sessionCookies(session, secureCookies));
      return await tokens.verify(session.accessToken);
    } catch (error) {
      if (ConnectError.from(error).code !== Code.Unauthenticated) throw error;
      setCookies.push(...clearedCookies(secureCookies));
      return undefined;
    }
  };

  return {
    async authenticate(header, setCookies) {
      const authorization = header.get("authorization");
      if (authorization === null) return bySession(header, setCookies);
      const token = /^Bearer ([\w.~+/-]+=*)$/i.exec(authorization)?.[1];
      if (token === undefined) {
        throw new ConnectError("authorization: must be 'Bearer <access token>'", Code.Unauthenticated);
      }
      try {
        return await tokens.verify(token);
      } catch (error) {
        if (error instanceof TokenRefused) throw new ConnectError(error.message, Code.Unauthenticated);
        throw error;
      }
    },
  };
}

function refusedIsNobody(error: unknown): undefined {
  if (error instanceof TokenRefused) return undefined;
  throw error;
}
