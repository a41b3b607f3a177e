import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";

const SIGNED_IN_KEY = "antiphon.signed-in";

/**
 * Whether this browser signed in and did not sign out since. The session itself is in cookies that
 * scripts cannot see; this only spares visitors a refresh that cannot work.
 */
export const signedInBefore = {
  get: (): boolean => localStorage.getItem(SIGNED_IN_KEY) === "1",
  set: (signedIn: boolean): void => {
    if (signedIn) localStorage.setItem(SIGNED_IN_KEY, "1");
    else localStorage.removeItem(SIGNED_IN_KEY);
  },
};

/**
 * When a unary call is refused as unauthenticated, trades the refresh cookie for a new session, once
 * for all calls that wait for it, and makes the call again.
 */
export function sessionRefresh(plain: Transport): Interceptor {
  const identity = createClient(IdentityService, plain);
  let refreshing: Promise<boolean> | undefined;
  const refresh = () => {
    refreshing ??= identity
      .refresh({})
      .then(() => true)
      .catch((error: unknown) => {
        if (ConnectError.from(error).code === Code.Unauthenticated) signedInBefore.set(false);
        return false;
      })
      .finally(() => {
        refreshing = undefined;
      });
    return refreshing;
  };
  return (next) => async (request) => {
    try {
      return await next(request);
    } catch (error) {
      const refused = ConnectError.from(error).code === Code.Unauthenticated;
      const signingIn =
        request.service.typeName === IdentityService.typeName && request.method.name !== "GetMe";
      if (!refused || signingIn || request.stream || !signedInBefore.get()) throw error;
      if (!(await refresh())) throw error;
      return next(request);
    }
  };
}
