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

/** The Set-Cookie values that keep a session. */
export function sessionCookies(session: Session, secure: boolean): string[] {
  return [
    cookie(ACCESS, session.accessToken, secure, session.accessExpiresAt),
    cookie(REFRESH, session.refreshToken, secure, session.refreshExpiresAt),
  ];
}

/** The Set-Cookie values that forget a session. */
export function clearedCookies(secure: boolean): string[] {
  return [ACCESS, REFRESH].map((name) => `${name}=; Path=/; Max-Age=0; ${attributes(secure)}`);
}

function cookie(name: string, value: string, secure: boolean, expiresAt: Timestamp | undefined): string {
  const expires = expiresAt ? `Expires=${new Date(timestampMs(expiresAt)).toUTCString()}; ` : "";
  return `${name}=${value}; Path=/; ${expires}${attributes(secure)}`;
}

function attributes(secure: boolean): string {
  return `HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;
}
