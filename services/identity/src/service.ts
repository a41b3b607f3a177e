import { type Clock, newId, requireListener, withTransaction } from "@antiphon/mesh";
import {
  GetJwksResponseSchema,
  GetMeResponseSchema,
  IdentityErrorReason,
  type IdentityService,
  ListenerSchema,
  RefreshResponseSchema,
  RegisterResponseSchema,
  Role,
  SessionSchema,
  SignInResponseSchema,
  SignOutResponseSchema,
} from "@antiphon/proto/antiphon/identity/v1/identity";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type pg from "pg";
import type { AccessTokens } from "./access-tokens.ts";
import { refuse } from "./errors.ts";
import { type Publisher, publishRegistered } from "./events.ts";
import { type Listener, normaliseEmail } from "./listener.ts";
import { findAccount, findListener, insertListener } from "./listener-store.ts";
import type { Passwords } from "./passwords.ts";
import { endSession, type RefreshToken, startSession, tradeToken } from "./session-store.ts";

export interface IdentityDeps {
  readonly pool: pg.Pool;
  readonly passwords: Passwords;
  readonly accessTokens: AccessTokens;
  readonly outbox: Publisher;
  readonly clock: Clock;
}

export function identityService(deps: IdentityDeps): ServiceImpl<typeof IdentityService> {
  const { pool, passwords, accessTokens, outbox, clock } = deps;

  async function requireKnown(id: string): Promise<Listener> {
    const listener = await findListener(pool, id);
    if (!listener) throw refuse(IdentityErrorReason.LISTENER_NOT_FOUND, `there is no listener ${id}`, id);
    return listener;
  }

  /** Signs before it stores: what cannot be answered leaves nothing behind. */
  async function signedIn(listener: Listener, open: () => Promise<RefreshToken>) {
    const access = await accessTokens.issue(listener);
    const refresh = await open();
    return {
      listener: listenerMessage(listener),
      session: create(SessionSchema, {
        accessToken: access.token,
        accessExpiresAt: timestampFromMs(access.expiresAtMs),
        refreshToken: refresh.token,
        refreshExpiresAt: timestampFromMs(refresh.expiresAtMs),
      }),
    };
  }

  return {
    async register(request) {
      // Before the transaction: no connection is held while the password is hashed.
      const passwordHash = await passwords.hash(request.password);
      const listener: Listener = {
        id: newId("lst"),
        email: normaliseEmail(request.email),
        displayName: request.displayName.trim(),
        role: "listener",
        createdAtMs: clock.now(),
      };
      const answer = await signedIn(listener, () =>
        withTransaction(pool, async (tx) => {
          if (!(await insertListener(tx, { listener, passwordHash }))) {
            throw refuse(IdentityErrorReason.EMAIL_TAKEN, "there is an account with this e-mail address");
          }
          await publishRegistered(outbox, tx, listener);
          return startSession(tx, listener.id, listener.createdAtMs);
        }),
      );
      return create(RegisterResponseSchema, answer);
    },

    async signIn(request) {
      const account = await findAccount(pool, normaliseEmail(request.email));
      const matches = await passwords.matches(account?.passwordHash, request.password);
      if (!account || !matches) {
        throw refuse(IdentityErrorReason.WRONG_CREDENTIALS, "the e-mail address or the password is wrong");
      }
      const { listener } = account;
      const open = () => withTransaction(pool, (tx) => startSession(tx, listener.id, clock.now()));
      return create(SignInResponseSchema, await signedIn(listener, open));
    },

    async refresh({ refreshToken }) {
      // A family that ends here is committed, although the call fails.
      const trade = await withTransaction(pool, (tx) => tradeToken(tx, refreshToken, clock.now()));
      if (trade.verdict === "reused") {
        throw refuse(
          IdentityErrorReason.SESSION_REUSED,
          "the session was continued elsewhere and has ended for safety: sign in again",
        );
      }
      if (trade.verdict === "expired") {
        throw refuse(IdentityErrorReason.SESSION_EXPIRED, "the session has ended: sign in again");
      }
      const listener = await requireKnown(trade.listenerId);
      return create(RefreshResponseSchema, await signedIn(listener, async () => trade.refresh));
    },

    async signOut({ refreshToken }) {
      await endSession(pool, refreshToken);
      return create(SignOutResponseSchema);
    },

    async getMe() {
      const listener = await requireKnown(requireListener().id);
      return create(GetMeResponseSchema, { listener: listenerMessage(listener) });
    },

    async getJwks() {
      return create(GetJwksResponseSchema, { jwksJson: JSON.stringify(await accessTokens.keySet()) });
    },
  };
}

function listenerMessage(listener: Listener) {
  return create(ListenerSchema, {
    id: listener.id,
    email: listener.email,
    displayName: listener.displayName,
    role: listener.role === "operator" ? Role.OPERATOR : Role.LISTENER,
    createdAt: timestampFromMs(listener.createdAtMs),
  });
}
