/**
 * Prints a `validate.proto` that is wire-identical to the one that @bufbuild/protovalidate ships as a
 * descriptor only, so that our contracts can import it without a schema registry.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

const MAX_FIELD = 536_870_912;

const typeName = (field: FieldDescriptorProto): string =>
  field.typeName || (Type[field.type] ?? "").toLowerCase();

const label = (field: FieldDescriptorProto): string =>
  ({ [Label.OPTIONAL]: "optional ", [Label.REQUIRED]: "required ", [Label.REPEATED]: "repeated " })[
    field.label
  ];

const range = (start: number, endExclusive: number): string =>
  endExclusive - 1 === start
    ? `${start}`
    : `${start} to ${endExclusive >= MAX_FIELD ? "max" : endExclusive - 1}`;

function printField(field: FieldDescriptorProto, indent: string, inOneof: boolean): string {
  const deprecated = field.options?.deprecated ? " [deprecated = true]" : "";
  return `${indent}${inOneof ? "" : label(field)}${typeName(field)} ${field.name} = ${field.number}${deprecated};\n`;
}

function printEnum(desc: EnumDescriptorProto, indent: string): string {
  const values = desc.value.map((value) => `${indent}  ${value.name} = ${value.number};\n`).join("");
  const alias = desc.options?.allowAlias ? `${indent}  option allow_alias = true;\n` : "";
  return `${indent}enum ${desc.name} {\n${alias}${values}${indent}}\n`;
}

function printMessage(desc: DescriptorProto, indent: string): string {
  const inner = `${indent}  `;
  const inOneof = (field: FieldDescriptorProto): boolean => Object.hasOwn(field, "oneofIndex");
  let text = `${indent}message ${desc.name} {\n`;
  for (const nested of desc.nestedType) text += printMessage(nested, inner);
  for (const nested of desc.enumType) text += printEnum(nested, inner);
  desc.oneofDecl.forEach((oneof, index) => {
    const fields = desc.field.filter((field) => inOneof(field) && field.oneofIndex === index);
    text += `${inner}oneof ${oneof.name} {\n${fields.map((field) => printField(field, `${inner}  `, true)).join("")}${inner}}\n`;
  });
  for (const field of desc.field) if (!inOneof(field)) text += printField(field, inner, false);
  if (desc.extensionRange.length > 0) {
    text += `${inner}extensions ${desc.extensionRange.map((r) => range(r.start, r.end)).join(", ")};\n`;
  }
  if (desc.reservedRange.length > 0) {
    text += `${inner}reserved ${desc.reservedRange.map((r) => range(r.start, r.end)).join(", ")};\n`;
  }
  if (desc.reservedName.length > 0) {
    text += `${inner}reserved ${desc.reservedName.map((name) => `"${name}"`).join(", ")};\n`;
  }
  return `${text}${indent}}\n`;
}

/** Writes the file; its folder is made. */
export function emitValidateProto(path: string): void {
  const file = file_buf_validate_validate.proto;
  let text = `syntax = "${file.syntax || "proto2"}";\npackage ${file.package};\n`;
  for (const dependency of file.dependency) text += `import "${dependency}";\n`;
  for (const field of file.extension)
    text += `extend ${field.extendee} {\n${printField(field, "  ", false)}}\n`;
  for (const desc of file.enumType) text += printEnum(desc, "");
  for (const desc of file.messageType) text += printMessage(desc, "");
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

if (import.meta.main) emitValidateProto(process.argv[2] ?? "proto/buf/validate/validate.proto");
