import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from "@antiphon/proto/grpc/reflection/v1/reflection";
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { type Client, createClient, type Transport } from "@connectrpc/connect";

/** What a server says that it serves. */
export interface ReflectedContracts {
  /** Full names of its services. */
  readonly services: readonly string[];
  /** The files that declare them with all that these import, imports first. */
  readonly files: FileDescriptorSet;
}

type Question = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>;
type Answer = ServerReflectionResponse["messageResponse"];
type Ask = <C extends Answer["case"]>(question: Question, wanted: C) => Promise<Extract<Answer, { case: C }>>;

/** A server with more files is not taken at its word. */
const MAX_FILES = 1000;

/**
 * Asks a server for its contracts by `grpc.reflection.v1`. Whether a server sends imports along or waits to
 * be asked for them makes no difference.
 * Rejects where it does not answer, or with something that is no contract.
 */
export async function reflect(transport: Transport, signal: AbortSignal): Promise<ReflectedContracts> {
  const ask = asking(createClient(ServerReflection, transport), signal);
  const { value } = await ask({ case: "listServices", value: "" }, "listServicesResponse");
  const services = value.service.map(({ name }) => name);
  const known = new Map<string, FileDescriptorProto>();
  const learn = async (question: Question) => {
    const answer = await ask(question, "fileDescriptorResponse");
    for (const bytes of answer.value.fileDescriptorProto) {
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      known.set(file.name, file);
    }
    if (known.size > MAX_FILES) throw new Error(`the server has more than ${MAX_FILES} files`);
  };
  for (const value of services) await learn({ case: "fileContainingSymbol", value });
  for (let missing = firstMissing(known); missing !== undefined; missing = firstMissing(known)) {
    await learn({ case: "fileByFilename", value: missing });
    if (!known.has(missing)) throw new Error(`the server does not send ${missing}, which it imports`);
  }
  return { services, files: create(FileDescriptorSetSchema, { file: importsFirst(known) }) };
}

function asking(client: Client<typeof ServerReflection>, signal: AbortSignal): Ask {
  return async (question, wanted) => {
    async function* questions() {
      yield { messageRequest: question };
    }
    for await (const { messageResponse } of client.serverReflectionInfo(questions(), { signal })) {
      if (messageResponse.case === wanted) return messageResponse as Extract<Answer, { case: typeof wanted }>;
      const reason =
        messageResponse.case === "errorResponse" ? messageResponse.value.errorMessage : "not what was asked";
      throw new Error(`the server answered ${question.case} ${JSON.stringify(question.value)}: ${reason}`);
    }
    throw new Error(`the server did not answer ${question.case}`);
  };
}

function firstMissing(known: ReadonlyMap<string, FileDescriptorProto>): string | undefined {
  for (const { dependency } of known.values()) {
    for (const name of dependency) if (!known.has(name)) return name;
  }
  return undefined;
}

function importsFirst(known: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] {
  const sorted = new Set<FileDescriptorProto>();
  const entered = new Set<string>();
  const add = (name: string) => {
    const file = known.get(name);
    // Entered before: done, or an import cycle, which the registry refuses.
    if (!file || entered.has(name)) return;
    entered.add(name);
    for (const dependency of file.dependency) add(dependency);
    sorted.add(file);
  };
  for (const name of known.keys()) add(name);
  return [...sorted];
}
