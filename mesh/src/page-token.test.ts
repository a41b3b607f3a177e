import { expect, test } from "vitest";
import { z } from "zod";
import { decodePageToken, encodePageToken, PageTokenError } from "./page-token.ts";

const schema = z.object({ after: z.string() });

test("a token comes back as what was put in", () => {
  const token = encodePageToken({ after: "Ünïcode" });
  expect(token).toMatch(/^[\w-]+$/);
  expect(decodePageToken(token, schema)).toEqual({ after: "Ünïcode" });
});

test.for(["garbage", "", encodePageToken({ before: "x" }), encodePageToken(7)])("%j is refused", (token) => {
  expect(() => decodePageToken(token, schema)).toThrow(PageTokenError);
});
