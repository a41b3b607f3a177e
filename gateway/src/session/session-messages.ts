import { type Session, SessionSchema } from "@antiphon/proto/antiphon/identity/v1/identity";
import type { DescField, DescMethod, Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { clearedCookies, readSessionCookies, sessionCookies } from "./cookies.ts";

/**
 * Keeps tokens out of browsers' scripts. Methods whose answer carries a session, or whose request
 * takes a refresh token, are recognised by their descriptors; all others cost nothing.
 */
export interface SessionKeeper {
  /** Fills an empty refresh token from the cookie. */
  fillRequest(message: Message, header: Headers): void;
  /** Moves the session of an answer into cookies, or forgets the cookies after a sign-out. */
  moveSession(message: Message, setCookies: string[]): void;
}

type MessageField = DescField & { fieldKind: "message" };

/** What a client sends to get its tokens in the answer instead. Pages cannot: see `isBrowser`. */
export const TOKEN_MODE_HEADER = "antiphon-session";

export function sessionKeeper(method: DescMethod, secure: boolean): SessionKeeper | undefined {
  const refreshField = method.input.fields.find((field) => field.name === "refresh_token");
  const sessionField = method.output.fields.find(isSession);
  if (!refreshField && !sessionField) return undefined;
  return {
    fillRequest(message, header) {
      if (!refreshField) return;
      const request = reflect(method.input, message);
      if (request.get(refreshField) !== "") return;
      request.set(refreshField, readSessionCookies(header.get("cookie")).refreshToken ?? "");
    },
    moveSession(message, setCookies) {
      if (!sessionField) {
        setCookies.push(...clearedCookies(secure));
        return;
      }
      const answer = reflect(method.output, message);
      if (!answer.isSet(sessionField)) return;
      const session = answer.get(sessionField).message as unknown as Session;
      setCookies.push(...sessionCookies(session, secure));
      answer.clear(sessionField);
    },
  };
}

/** Whether the tokens must stay out of the answer: always for a page's script, else unless asked for. */
export function keepsTokensInCookies(header: Headers): boolean {
  return isBrowser(header) || header.get(TOKEN_MODE_HEADER) !== "token";
}

/** Browsers add these themselves, and no script can take them off. */
function isBrowser(header: Headers): boolean {
  return header.has("sec-fetch-site") || header.has("origin");
}

function isSession(field: DescField): field is MessageField {
  return field.fieldKind === "message" && field.message.typeName === SessionSchema.typeName;
}
