import {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from "@antiphon/proto/grpc/reflection/v1/reflection";
import {
  createRegistry,
  type DescExtension,
  type DescFile,
  type DescService,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { closureOf } from "../contracts/closure.ts";
import { type Served, serve } from "./served.ts";

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

/**
 * `grpc.reflection.v1`: the contracts of what is served here, as they were written. Custom options and
 * imports are kept, which @grpc/reflection loses.
 */
export function reflectionService(services: readonly DescService[]): Served {
  const contracts = new Contracts(services);
  return serve(ServerReflection, {
    async *serverReflectionInfo(requests) {
      for await (const originalRequest of requests) {
        yield { originalRequest, messageResponse: contracts.answer(originalRequest.messageRequest) };
      }
    },
  });
}

class Contracts {
  readonly #services: readonly DescService[];
  readonly #files = new Map<string, DescFile>();
  readonly #registry;

  constructor(services: readonly DescService[]) {
    this.#services = services;
    for (const service of services)
      for (const file of closureOf(service.file)) this.#files.set(file.proto.name, file);
    this.#registry = createRegistry(...this.#files.values());
  }

  answer(request: ServerReflectionRequest["messageRequest"]): Answer {
    switch (request.case) {
      case "listServices": {
        const service = this.#services.map(({ typeName }) => ({ name: typeName }));
        return { case: "listServicesResponse", value: { service } };
      }
      case "fileByFilename":
        return filesOf(this.#files.get(request.value), request.value);
      case "fileContainingSymbol":
        return filesOf(this.#fileOf(request.value), request.value);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = request.value;
        const extension = this.#extensionsOf(containingType).find(({ number }) => number === extensionNumber);
        return filesOf(extension?.file, `extension ${extensionNumber} of ${containingType}`);
      }
      case "allExtensionNumbersOfType": {
        const extensionNumber = this.#extensionsOf(request.value).map(({ number }) => number);
        const value = { baseTypeName: request.value, extensionNumber };
        return { case: "allExtensionNumbersResponse", value };
      }
      default:
        return failure(Code.InvalidArgument, "message_request is missing");
    }
  }

  /** A type's file; for a method, a field or a value the file of the type it belongs to. */
  #fileOf(symbol: string): DescFile | undefined {
    const parent = symbol.slice(0, Math.max(0, symbol.lastIndexOf(".")));
    return (this.#registry.get(symbol) ?? this.#registry.get(parent))?.file;
  }

  #extensionsOf(typeName: string): DescExtension[] {
    return [...this.#registry].filter(
      (type) => type.kind === "extension" && type.extendee.typeName === typeName,
    ) as DescExtension[];
  }
}

function filesOf(file: DescFile | undefined, what: string): Answer {
  if (!file) return failure(Code.NotFound, `${what} is not known here`);
  const fileDescriptorProto = [...closureOf(file)].map(({ proto }) =>
    toBinary(FileDescriptorProtoSchema, proto),
  );
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function failure(errorCode: Code, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}
