import { expect, test } from "vitest";
import { fromHeaders, MalformedEnvelope, toHeaders } from "./envelope.ts";

const envelope = {
  id: "0b0e7c2e-7a0a-4f6e-9a3c-0f4f5b1f0a11",
  type: "catalog.track_imported.v1",
  source: "/antiphon/catalog",
  key: "trk_1",
  keySeq: 9_007_199_254_740_993n,
  at: new Date("2026-01-02T03:04:05.678Z"),
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
};

test("an envelope survives the headers of a message", () => {
  expect(fromHeaders(toHeaders(envelope))).toEqual(envelope);
  expect(fromHeaders(toHeaders({ ...envelope, traceparent: undefined })).traceparent).toBeUndefined();
});

test("an id in capitals is the same id", () => {
  const h = toHeaders({ ...envelope, id: envelope.id.toUpperCase() });
  expect(fromHeaders(h).id).toBe(envelope.id);
});

test("the broker drops duplicates by the event's id", () => {
  expect(toHeaders(envelope).get("Nats-Msg-Id")).toBe(envelope.id);
});

test("a message without headers is malformed", () => {
  expect(() => fromHeaders(undefined)).toThrow(MalformedEnvelope);
});

test.each([
  ["ce-id", "no-uuid"],
  ["ce-type", "Track Imported"],
  ["ce-keyseq", "0"],
  ["ce-keyseq", "-3"],
  ["ce-time", "2026-99-99T99:99:99Z"],
  ["ce-subject", ""],
])("a header %s of %j is named", (name, value) => {
  const h = toHeaders(envelope);
  h.set(name, value);
  expect(() => fromHeaders(h)).toThrow(`header ${name} `);
});
