import {
  BalancePolicySchema,
  FaultSchema,
  TrafficPolicySchema,
} from "@antiphon/proto/antiphon/mesh/v1/policy";
import { create, fromBinary, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkPolicy } from "./check-policy.ts";
import { PolicyError } from "./policy-error.ts";
import { readPolicy } from "./read-policy.ts";

const echo = "antiphon.mesh.v1.EchoService/Echo";
const echoOnce = "antiphon.mesh.v1.EchoService/EchoOnce";
const echoStream = "antiphon.mesh.v1.EchoService/EchoStream";

test("a policy is read as it was written", () => {
  const policy = {
    methods: [
      {
        method: echo,
        timeout: "0.800s",
        retry: { attempts: 2, perAttemptTimeout: "0.250s" },
        hedge: { delay: "0.050s" },
      },
    ],
    retryBudget: { ratio: 0.1, perSecond: 5 },
    routing: {
      headers: [{ header: { name: "antiphon-role", value: "operator" }, version: "2" }],
      split: [
        { version: "2", percent: 2.5 },
        { version: "1", percent: 97.5 },
      ],
    },
    mirror: { version: "2", percent: 10 },
    faults: [{ percent: 1, delay: "0.300s", abortCode: 14, header: { name: "x-drill" } }],
    balance: { algorithm: "BALANCE_ALGORITHM_RING_HASH", hashField: "track_id", slowStart: "0s" },
  };
  expect(toJson(TrafficPolicySchema, readPolicy(JSON.stringify(policy)))).toEqual(policy);
  expect(() => readPolicy("{}")).not.toThrow();
});

const split = (...percents: number[]) => ({
  routing: { split: percents.map((percent, index) => ({ version: `${index}`, percent })) },
});
const method = (more: object) => ({ methods: [{ method: echo, ...more }] });

test.each<[string, unknown, string]>([
  ["a negative share", split(-5, 105), "routing.split[0].percent"],
  ["shares that do not add up", split(5, 90), "routing.split: the percentages must add up to 100 (were 95)"],
  ["an unknown algorithm", { balance: { algorithm: "LUCKY" } }, 'balance.algorithm: cannot be "LUCKY"; use '],
  ["ring hash by nothing", { balance: { algorithm: "BALANCE_ALGORITHM_RING_HASH" } }, "balance: "],
  ["a threshold beyond all", { balance: { panicThreshold: 7 } }, "balance.panic_threshold"],
  ["a negative weight", { balance: { warningWeight: -1 } }, "balance.warning_weight"],
  ["a negative ejection", { balance: { ejection: { baseTime: "-5s" } } }, "balance.ejection.base_time"],
  [
    "ejections that shrink",
    { balance: { ejection: { baseTime: "90s" } } },
    "balance.ejection: max_time (default",
  ],
  [
    "no failure in a row",
    { balance: { ejection: { consecutiveFailures: 0 } } },
    "balance.ejection.consecutive",
  ],
  [
    "a number that is a word",
    { balance: { ejection: { maxShare: "most" } } },
    "balance.ejection.maxShare: cannot",
  ],
  ["a message that is a number", { balance: { ejection: 7 } }, "balance.ejection: cannot be 7"],
  ["half a byte", method({ compressFromBytes: 0.5 }), "methods[0].compressFromBytes: cannot be 0.5"],
  ["a timeout of zero", method({ timeout: "0s" }), "methods[0].timeout"],
  ["a timeout without a unit", method({ timeout: "5" }), 'methods[0].timeout: cannot be "5"'],
  ["negative attempts", method({ retry: { attempts: -1 } }), "methods[0].retry.attempts: cannot be -1"],
  ["no attempt", method({ retry: { attempts: 0 } }), "methods[0].retry.attempts"],
  ["a hedge at once", method({ hedge: { delay: "0s" } }), "methods[0].hedge.delay"],
  ["a hedge after the end", method({ timeout: "1s", hedge: { delay: "2s" } }), "methods[0].hedge.delay"],
  [
    "attempts that outlast their call",
    method({ timeout: "1s", retry: { attempts: 2, perAttemptTimeout: "1s" } }),
    "methods[0].retry.per_attempt_timeout",
  ],
  [
    "retries that may do harm",
    { methods: [{ method: echoOnce, retry: { attempts: 2 } }] },
    `methods[0].retry.attempts: ${echoOnce} is not idempotent`,
  ],
  [
    "hedges that may do harm",
    { methods: [{ method: echoOnce, hedge: { delay: "1s" } }] },
    "methods[0].hedge",
  ],
  ["hedged streams", { methods: [{ method: echoStream, hedge: { delay: "1s" } }] }, "methods[0].hedge"],
  ["a method twice", { methods: [{ method: echo }, { method: echo }] }, "methods[1].method"],
  ["a method without a service", { methods: [{ method: "Echo" }] }, "methods[0].method"],
  ["a fault that is none", { faults: [{ percent: 1 }] }, "faults[0]: needs a delay or an abort_code"],
  ["a code that gRPC lacks", { faults: [{ percent: 1, abortCode: 17 }] }, "faults[0].abort_code"],
  ["a mirror to nobody", { mirror: { percent: 1 } }, "mirror.version"],
  ["a word that nobody knows", { routing: { spilt: [] } }, "routing.spilt: is unknown"],
  ["a list", [], "cannot be []"],
])("%s is refused, and the message says where", (_what, policy, message) => {
  expect(() => readPolicy(JSON.stringify(policy))).toThrow(PolicyError);
  expect(() => readPolicy(JSON.stringify(policy))).toThrow(message);
});

test("what is not JSON is refused", () => {
  expect(() => readPolicy("{routing:")).toThrow("is not JSON");
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      try {
        readPolicy(text);
      } catch (error) {
        expect(error).toBeInstanceOf(PolicyError);
      }
    }),
  );
});

test("a method of which this process has no contract is taken as it is", () => {
  const policy = readPolicy(JSON.stringify({ methods: [{ method: "a.B/C", retry: { attempts: 3 } }] }));
  expect(policy.methods).toHaveLength(1);
});

test("a field that only a newer contract has is refused by its number, wherever it stands", () => {
  const newer = Buffer.of(0xa0, 0x06, 1);
  const policy = create(TrafficPolicySchema, {
    balance: fromBinary(BalancePolicySchema, newer),
    faults: [{ percent: 1, abortCode: 14 }, fromBinary(FaultSchema, newer)],
  });
  expect(() => checkPolicy(policy)).toThrow("balance.100: is the number of a field");
  expect(() => checkPolicy(policy)).toThrow("faults[1].100: is the number");
  expect(() => checkPolicy(fromBinary(TrafficPolicySchema, newer))).toThrow("100: is the number");
});
