import {
  file_antiphon_options_v1_options,
  MethodSemanticsSchema,
  method as methodOption,
  ServiceSemanticsSchema,
  service as serviceOption,
} from "@antiphon/proto/antiphon/options/v1/options";
import {
  create,
  createFileRegistry,
  type DescService,
  type MessageInitShape,
  setExtension,
} from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  MethodOptions_IdempotencyLevel,
  MethodOptionsSchema,
  ServiceOptionsSchema,
} from "@bufbuild/protobuf/wkt";

export interface ReviewContract {
  /** Default `antiphon.reviews.v1`. */
  readonly package?: string;
  /** Its name in Consul, where the contract says one. */
  readonly name?: string;
  /** Unary calls by name; those named Watch… stream their answers. */
  readonly methods: Readonly<Record<string, MessageInitShape<typeof MethodSemanticsSchema>>>;
  readonly idempotency?: MethodOptions_IdempotencyLevel;
}

/** The contract of a ReviewService, which no build knows: made as a file descriptor, as protoc would. */
export function reviewContract({ methods, ...contract }: ReviewContract): DescService {
  const {
    package: pkg = "antiphon.reviews.v1",
    idempotency = MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
  } = contract;
  const serviceOptions = create(ServiceOptionsSchema);
  if (contract.name !== undefined) {
    setExtension(serviceOptions, serviceOption, create(ServiceSemanticsSchema, { name: contract.name }));
  }
  const file = create(FileDescriptorProtoSchema, {
    name: "reviews.proto",
    package: pkg,
    syntax: "proto3",
    dependency: [file_antiphon_options_v1_options.proto.name],
    messageType: [
      {
        name: "Review",
        field: [
          {
            name: "text",
            jsonName: "text",
            number: 1,
            type: FieldDescriptorProto_Type.STRING,
            label: FieldDescriptorProto_Label.OPTIONAL,
          },
        ],
      },
    ],
    service: [
      {
        name: "ReviewService",
        options: serviceOptions,
        method: Object.entries(methods).map(([name, semantics]) => {
          const options = create(MethodOptionsSchema, { idempotencyLevel: idempotency });
          setExtension(options, methodOption, create(MethodSemanticsSchema, semantics));
          const message = `.${pkg}.Review`;
          return {
            name,
            inputType: message,
            outputType: message,
            serverStreaming: name.startsWith("Watch"),
            options,
          };
        }),
      },
    ],
  });
  const registry = createFileRegistry(file, (name) =>
    name === file_antiphon_options_v1_options.proto.name ? file_antiphon_options_v1_options : undefined,
  );
  return registry.getService(`${pkg}.ReviewService`)!;
}
