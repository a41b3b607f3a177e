import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { type Path, pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator, type Violation, violationsToProto } from "@bufbuild/protovalidate";
import { Code, ConnectError } from "@connectrpc/connect";
import { fail } from "../errors.ts";

const validator = createValidator();

/** More would not fit into the trailers of an answer. */
const MAX_VIOLATIONS = 20;

/**
 * Reads a request and checks it against the rules of its contract. Throws `invalid_argument` whose
 * message names each field that is wrong, with `buf.validate.Violations` as its detail.
 */
export function readRequest<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  const request = parse(schema, bytes);
  const result = validator.validate(schema, request);
  if (result.kind === "valid") return request;
  // A rule that cannot be evaluated is a mistake in the contract, not in the request.
  if (result.kind === "error") throw result.error;
  const violations = result.violations.slice(0, MAX_VIOLATIONS);
  const [detail, detailSchema] = violationsToProto(violations);
  const message = violations.map((violation) => describe(violation, request)).join("; ");
  throw fail(Code.InvalidArgument, message, detailSchema, detail);
}

function parse<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    const message = `the request is not a readable ${schema.typeName}`;
    throw new ConnectError(message, Code.InvalidArgument, undefined, undefined, cause);
  }
}

/** `name: must be at most 200 characters (was 10000)`. Sizes and numbers are repeated, texts never. */
function describe({ field, message, ruleId }: Violation, request: unknown): string {
  const path = pathToString(field);
  const size = sizeOf(valueAt(request, field), ruleId);
  return `${path && `${path}: `}${message}${size === undefined ? "" : ` (was ${size})`}`;
}

function sizeOf(value: unknown, ruleId: string): number | bigint | undefined {
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (!/_(len|bytes|items|pairs)$|\.len$/.test(ruleId)) return undefined;
  if (typeof value === "string")
    return ruleId.endsWith("bytes") ? Buffer.byteLength(value) : [...value].length;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length;
  return typeof value === "object" && value !== null ? Object.keys(value).length : undefined;
}

function valueAt(request: unknown, path: Path): unknown {
  let value = request;
  for (const step of path) {
    if (step.kind === "field" && step.oneof) value = property(property(value, step.oneof.localName), "value");
    else if (step.kind === "field") value = property(value, step.localName);
    else if (step.kind === "list_sub") value = property(value, step.index);
    else if (step.kind === "map_sub") value = property(value, String(step.key));
    else return undefined;
  }
  return value;
}

function property(value: unknown, key: string | number): unknown {
  return typeof value === "object" && value !== null
    ? (value as Record<string | number, unknown>)[key]
    : undefined;
}
