import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import type { PolicyProblem } from "./policy-error.ts";

/** The fields of a message that this process's contract does not have: what they ask for would be lost silently. */
export function unknownFields(message: ReflectMessage, path = ""): PolicyProblem[] {
  const own = (message.getUnknown() ?? []).map(({ no }) => ({
    field: `${path}${no}`,
    problem: "is the number of a field that is unknown here; is this process older than who wrote it?",
  }));
  const nested = message.sortedFields.flatMap((field) => {
    if (field.fieldKind === "message" && message.isSet(field)) {
      return unknownFields(message.get(field), `${path}${field.name}.`);
    }
    if (field.fieldKind === "list" && field.listKind === "message") {
      const items = [...message.get(field)] as ReflectMessage[];
      return items.flatMap((item, index) => unknownFields(item, `${path}${field.name}[${index}].`));
    }
    return [];
  });
  return [...own, ...nested];
}
