import { checkPolicy, fail, type Logger, PolicyError, readPolicy } from "@antiphon/mesh";
import type { ConductorService } from "@antiphon/proto/antiphon/mesh/v1/conductor";
import { type TrafficPolicy, TrafficPolicySchema } from "@antiphon/proto/antiphon/mesh/v1/policy";
import { toJson } from "@bufbuild/protobuf";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import type { PolicyStore } from "./policy-store.ts";

type PolicyCalls = Pick<ServiceImpl<typeof ConductorService>, "getPolicy" | "setPolicy" | "deletePolicy">;

export interface PolicyDeps {
  readonly store: PolicyStore;
  readonly log: Logger;
}

/** The calls that steer traffic: what is stored is checked before, since every caller of a service follows it. */
export function policyCalls({ store, log }: PolicyDeps): PolicyCalls {
  /** Who asks shall hear that it is Consul that is away. */
  const stored = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (err) {
      log.warn({ err }, "Consul is away");
      throw fail(Code.Unavailable, "Consul, where policies are stored, is away, try again");
    }
  };
  return {
    async getPolicy({ service }) {
      const found = await stored(store.get(service));
      if (!found) throw fail(Code.NotFound, `${service} has no policy`);
      return { policy: read(service, found.text), revision: found.revision };
    },

    async setPolicy({ service, policy, revision }) {
      const text = write(policy!);
      if (await stored(store.set(service, text, revision))) return {};
      throw fail(Code.Aborted, `the policy of ${service} has changed meanwhile: get it again`);
    },

    async deletePolicy({ service }) {
      await stored(store.delete(service));
      return {};
    },
  };
}

function read(service: string, text: string): TrafficPolicy {
  try {
    return readPolicy(text);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    throw fail(
      Code.FailedPrecondition,
      `what is stored for ${service} is refused by its callers: ${error.message}`,
    );
  }
}

/** As people can read and edit it. */
function write(policy: TrafficPolicy): string {
  try {
    checkPolicy(policy);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const wrong = error.problems.map(({ field, problem }) => `policy.${field}: ${problem}`);
    throw fail(Code.InvalidArgument, wrong.join("; "));
  }
  return `${JSON.stringify(toJson(TrafficPolicySchema, policy), undefined, 2)}\n`;
}
