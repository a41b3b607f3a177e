import {
  BatchGetTracksRequestSchema,
  ListTracksRequestSchema,
} from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { CreatePlaylistRequestSchema } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { readRequest } from "./validation.ts";

function refusal<D extends DescMessage>(schema: D, init: MessageInitShape<D>): string {
  try {
    readRequest(schema, toBinary(schema, create(schema, init)));
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

const playlist = { name: "mine", idempotencyKey: "k" };

test.for([
  [CreatePlaylistRequestSchema, playlist, ""],
  [
    CreatePlaylistRequestSchema,
    { ...playlist, name: "é".repeat(10_000) },
    "name: must be at most 200 characters (was 10000)",
  ],
  [
    ListTracksRequestSchema,
    { pageSize: -1 },
    "page_size: must be greater than or equal to 0 and less than or equal to 200 (was -1)",
  ],
] as const)("%#: the field is named, with what is allowed and what it was", ([schema, init, text]) => {
  const message = refusal<DescMessage>(schema, init);
  expect(message).toBe(text && `[invalid_argument] ${text}`);
});

test("an element of a list is named by its index, its text is not repeated", () => {
  const message = refusal(BatchGetTracksRequestSchema, { trackIds: ["nonsense"] });
  expect(message).toContain("track_ids[0]: ");
  expect(message).not.toContain("nonsense");
});

test("a request that is wrong all over is told of 20 fields at most", () => {
  const trackIds = Array.from({ length: 90 }, (_, index) => `x${index}`);
  expect(refusal(BatchGetTracksRequestSchema, { trackIds }).split("; ").length).toBeLessThanOrEqual(20);
});
