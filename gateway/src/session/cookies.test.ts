import { SessionSchema } from "@antiphon/proto/antiphon/identity/v1/identity";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { sessionCookies } from "./cookies.ts";

test("cookies say for how long they are kept, not until when: a browser's clock may be an hour off", () => {
  const now = Date.UTC(2026, 0, 1);
  const session = create(SessionSchema, {
    accessToken: "a",
    refreshToken: "r",
    accessExpiresAt: timestampFromMs(now + 900_400),
    refreshExpiresAt: timestampFromMs(now - 1),
  });
  expect(sessionCookies(session, true, now)).toEqual([
    expect.stringMatching(/^[^;]+=a; Path=\/; Max-Age=900; .*Secure/),
    expect.stringMatching(/^[^;]+=r; Path=\/; Max-Age=0; /),
  ]);
});
