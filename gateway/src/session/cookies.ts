import type { Session } from "@antiphon/proto/antiphon/identity/v1/identity";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";

/** Where a browser's session is kept: in cookies that no script can read. */
export interface SessionCookies {
  readonly accessToken: string | undefined;
  readonly refreshToken: string | undefined;
}

const ACCESS = "antiphon_access";
const REFRESH = "antiphon_refresh";

export function readSessionCookies(cookieHeader: string | null): SessionCookies {
  const found = new Map<string, string>();
  for (const part of (cookieHeader ?? "").split(";")) {
    const equals = part.indexOf("=");
    const name = part.slice(0, equals).trim();
    // The first of a name counts (RFC 6265, 5.4 sends the most specific path first).
    if (equals > 0 && !found.has(name)) found.set(name, part.slice(equals + 1).trim());
  }
  return { accessToken: found.get(ACCESS) || undefined, refreshToken: found.get(REFRESH) || undefined };
}

/**
 * The Set-Cookie values that keep a session from `nowMs` on, default this moment. They say for how long: the
 * browser's clock may be wrong, and would end the session of an hour ahead at once.
 */
export function sessionCookies(session: Session, secure: boolean, nowMs = Date.now()): string[] {
  const keptFor = (expiresAt: Timestamp | undefined) =>
    expiresAt ? `Max-Age=${Math.max(0, Math.floor((timestampMs(expiresAt) - nowMs) / 1000))}; ` : "";
  return [
    cookie(ACCESS, session.accessToken, secure, keptFor(session.accessExpiresAt)),
    cookie(REFRESH, session.refreshToken, secure, keptFor(session.refreshExpiresAt)),
  ];
}

/** The Set-Cookie values that forget a session. */
export function clearedCookies(secure: boolean): string[] {
  return [ACCESS, REFRESH].map((name) => `${name}=; Path=/; Max-Age=0; ${attributes(secure)}`);
}

function cookie(name: string, value: string, secure: boolean, keptFor: string): string {
  return `${name}=${value}; Path=/; ${keptFor}${attributes(secure)}`;
}

function attributes(secure: boolean): string {
  return `HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;
}
