import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { TrafficPolicySchema } from "@antiphon/proto/antiphon/mesh/v1/policy";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { DEFAULT_RULES, rulesOf } from "./method-rules.ts";

const { echo, echoOnce, echoStream } = EchoService.method;
const name = "antiphon.mesh.v1.EchoService/Echo";

function rules(
  policy: MessageInitShape<typeof TrafficPolicySchema>,
  method = echo as Parameters<typeof rulesOf>[2],
  random = 0.5,
) {
  return rulesOf(create(TrafficPolicySchema, policy), "echo", method, () => random);
}

test("without a policy, and for what a policy does not name, the defaults hold", () => {
  expect(rulesOf(undefined, "echo", echo)).toBe(DEFAULT_RULES);
  expect(rules({})).toEqual(DEFAULT_RULES);
  expect(rules({ methods: [{ method: name, timeout: { seconds: 1n } }] }, echoOnce)).toEqual(DEFAULT_RULES);
});

test("timeouts, attempts and hedges are those of the method", () => {
  const own = rules({
    methods: [
      {
        method: name,
        timeout: { seconds: 1n, nanos: 500_000_000 },
        retry: { attempts: 5, perAttemptTimeout: { nanos: 20_000_000 } },
        hedge: { delay: { nanos: 5_000_000 } },
      },
    ],
  });
  expect(own).toMatchObject({
    timeoutMs: 1_500,
    maxAttempts: 5,
    attemptTimeoutMs: 20,
    hedge: { delayMs: 5, maxAttempts: 2 },
  });
});

test("a header decides before the split, the first that matches", () => {
  const { route } = rules({
    routing: {
      headers: [
        { header: { name: "x-version", value: "two" }, version: "2" },
        { header: { name: "x-version" }, version: "3" },
      ],
      split: [{ version: "1", percent: 100 }],
    },
  });
  expect(route?.({ "x-version": "two" }, "lst_1")).toBe("2");
  expect(route?.({ "x-version": "another" }, "lst_1")).toBe("3");
  expect(route?.({}, "lst_1")).toBe("1");
});

test("headers alone leave other calls where they like", () => {
  const { route } = rules({ routing: { headers: [{ header: { name: "x-new" }, version: "2" }] } });
  expect(route?.({}, "lst_1")).toBeUndefined();
});

test("a listener keeps a version, nobody is drawn for each call, and so is everybody where the policy says so", () => {
  const split = [
    { version: "2", percent: 50 },
    { version: "1", percent: 50 },
  ];
  const drawn = (routing: object, listener: string | undefined) =>
    new Set(
      [0.1, 0.9].map((random) =>
        rules({ routing: { split, ...routing } }, echo, random).route?.({}, listener),
      ),
    );
  expect(drawn({}, "lst_1").size).toBe(1);
  expect(drawn({}, undefined).size).toBe(2);
  expect(drawn({ splitPerCall: true }, "lst_1").size).toBe(2);
});

test("only unary calls without side effects are mirrored", () => {
  const mirror = { version: "2", percent: 100 };
  expect(rules({ mirror }).mirror?.hits()).toBe(true);
  expect(rules({ mirror }, echoOnce).mirror).toBeUndefined();
  expect(rules({ mirror }, echoStream).mirror).toBeUndefined();
  expect(rules({ mirror: { version: "2", percent: 50 } }, echo, 0.6).mirror?.hits()).toBe(false);
});

test("faults hit by method, header and percentage; delays add up, the first abort counts", () => {
  const faults = [
    { percent: 60, delay: { nanos: 10_000_000 } },
    { percent: 60, delay: { nanos: 5_000_000 }, abortCode: 14, header: { name: "x-drill" } },
    { percent: 60, abortCode: 13, header: { name: "x-drill" } },
    { percent: 10, abortCode: 2 },
    { percent: 100, abortCode: 3, methods: ["antiphon.mesh.v1.EchoService/EchoOnce"] },
  ];
  const { fault } = rules({ faults });
  expect(fault?.({ "x-drill": "1" })).toEqual({ delayMs: 15, abortCode: 14 });
  expect(fault?.({})).toEqual({ delayMs: 10, abortCode: 0 });
  expect(rules({ faults }, echo, 0.7).fault?.({})).toBeUndefined();
  expect(rules({ faults: faults.slice(4) }).fault).toBeUndefined();
});
