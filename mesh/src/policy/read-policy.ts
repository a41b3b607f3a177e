import { type TrafficPolicy, TrafficPolicySchema } from "@antiphon/proto/antiphon/mesh/v1/policy";
import { type DescField, type DescMessage, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { checkPolicy } from "./check-policy.ts";
import { PolicyError, type PolicyProblem } from "./policy-error.ts";

const MAX_SHOWN = 60;

/**
 * Reads a policy from protobuf's JSON, as it lies in Consul, and checks it.
 * Throws `PolicyError` naming each field that is wrong.
 */
export function readPolicy(text: string): TrafficPolicy {
  const policy = decode(parse(text));
  checkPolicy(policy);
  return policy;
}

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    throw new PolicyError([{ field: "", problem: "is not JSON" }]);
  }
}

function decode(json: JsonValue): TrafficPolicy {
  try {
    return fromJson(TrafficPolicySchema, json);
  } catch {
    throw new PolicyError([blame(TrafficPolicySchema, json, "")]);
  }
}

/** Finds what cannot be decoded: protobuf's own error names the type of it, not the place. */
function blame(schema: DescMessage, json: JsonValue | undefined, path: string): PolicyProblem {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return wrong(path, json);
  for (const [key, value] of Object.entries(json)) {
    if (decodes(schema, { [key]: value })) continue;
    const here = path ? `${path}.${key}` : key;
    const field = schema.fields.find(({ jsonName, name }) => jsonName === key || name === key);
    if (!field) return { field: here, problem: "is unknown" };
    if (field.fieldKind === "message") return blame(field.message, value, here);
    if (field.fieldKind === "list" && field.listKind === "message" && Array.isArray(value)) {
      const index = value.findIndex((item) => !decodes(field.message, item));
      return blame(field.message, value[index], `${here}[${index}]`);
    }
    return wrong(here, value, field);
  }
  return wrong(path, json);
}

function decodes(schema: DescMessage, json: JsonValue): boolean {
  try {
    fromJson(schema, json);
    return true;
  } catch {
    return false;
  }
}

function wrong(field: string, value: JsonValue | undefined, desc?: DescField): PolicyProblem {
  const shown = JSON.stringify(value) ?? "nothing";
  const cut = shown.length > MAX_SHOWN ? `${shown.slice(0, MAX_SHOWN)}…` : shown;
  const allowed =
    desc?.fieldKind === "enum" ? `; use ${desc.enum.values.map(({ name }) => name).join(", ")}` : "";
  return { field, problem: `cannot be ${cut}${allowed}` };
}
