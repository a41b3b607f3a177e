import { expect, test } from "vitest";
import { BrokerError, requireVersion } from "./jetstream.ts";

test.each(["2.10.0", "2.10.27", "2.12.1", "3.0.0"])("NATS %s will do", (version) => {
  expect(() => requireVersion(version)).not.toThrow();
});

test.each(["2.9.10", "1.4.1", "nightly"])("NATS %s is refused in one sentence", (version) => {
  expect(() => requireVersion(version)).toThrow(BrokerError);
  expect(() => requireVersion(version)).toThrow(
    `events need NATS 2.10 or newer, and this server is ${version}: upgrade nats-server`,
  );
});
