import type { ListenerIdentity } from "@antiphon/mesh";
import { Access } from "@antiphon/proto/antiphon/options/v1/options";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Route } from "./contracts/routes.ts";
import type { NodeResponse } from "./front.ts";
import type { HeaderView } from "./header-view.ts";
import type { LoadShedder } from "./limits/load-shedder.ts";
import type { RateLimits } from "./limits/rate-limits.ts";
import { isCrossSite } from "./session/cross-site.ts";
import type { Sessions } from "./session/sessions.ts";

/** Whether a call may be made, and for whom: decided before its body is read. */
export interface Admission {
  /**
   * The listener that the call is made for, if any. Cookies to set are added to `setCookies`.
   * Rejects `unavailable` while overloaded, `resource_exhausted` for who calls too often,
   * `permission_denied` for another site's page, `unauthenticated` and `permission_denied`
   * where the contract asks for more than the caller has.
   */
  admit(route: Route, asking: Asking, setCookies: string[]): Promise<ListenerIdentity | undefined>;
}

/** What is known of a request when it is admitted. */
export interface Asking {
  readonly header: HeaderView;
  /** Where it comes from. */
  readonly address: string;
  /** The authority that it was sent to. */
  readonly host: string;
  readonly isGet: boolean;
  /** What it will be answered with. */
  readonly response: NodeResponse;
}

interface Deps {
  readonly sessions: Sessions;
  readonly limits: RateLimits;
  readonly shedder: LoadShedder;
  /** Where browsers see the gateway, and whose pages may call as ours do. */
  readonly ownOrigins: ReadonlySet<string>;
}

export function admission({ sessions, limits, shedder, ownOrigins }: Deps): Admission {
  return {
    async admit(route, { header, address, host, isGet, response }, setCookies) {
      // Before anything that costs: an overloaded gateway has no time to find out who asks.
      shedder.admit(route, response);
      const { method, semantics } = route;
      limits.byAddress(semantics.rateClass, address);
      const crossSite = isCrossSite(header, host, ownOrigins);
      if (crossSite && !isGet) {
        throw new ConnectError("calls from another site's page are not allowed", Code.PermissionDenied);
      }
      const isPublic = semantics.access === Access.PUBLIC;
      if (isPublic && !header.has("cookie") && !header.has("authorization")) return undefined;
      // A page of another site may load a GET, but not in the listener's name.
      const listener = crossSite ? undefined : await sessions.authenticate(header, setCookies);
      if (!listener && !isPublic) throw new ConnectError("sign in to do this", Code.Unauthenticated);
      if (semantics.access === Access.OPERATOR && !listener?.operator) {
        throw new ConnectError(`${method.name} is for operators`, Code.PermissionDenied);
      }
      if (listener) limits.byListener(semantics.rateClass, listener.id);
      return listener;
    },
  };
}
