import { setTimeout as sleep } from "node:timers/promises";
import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import {
  BidiStreamRequestSchema,
  ClientStreamRequestSchema,
  type ConformancePayload_RequestInfo,
  ConformancePayload_RequestInfoSchema,
  type ConformanceService,
  type Error as ErrorDefinition,
  type Header,
  IdempotentUnaryRequestSchema,
  ServerStreamRequestSchema,
  type StreamResponseDefinition,
  UnaryRequestSchema,
  type UnaryResponseDefinition,
} from "../gen/connectrpc/conformance/v1/service_pb.js";

type Requests = ConformancePayload_RequestInfo["requests"];

/** Answers as its requests say, and tells what it saw of them: the service of the official suite. */
export const conformanceService: ServiceImpl<typeof ConformanceService> = {
  unary: (request, context) =>
    answerOnce(request.responseDefinition, [pack(UnaryRequestSchema, request)], context),

  idempotentUnary: (request, context) =>
    answerOnce(request.responseDefinition, [pack(IdempotentUnaryRequestSchema, request)], context),

  async clientStream(requests, context) {
    let definition: UnaryResponseDefinition | undefined;
    const seen: Requests = [];
    for await (const request of requests) {
      if (seen.length === 0) definition = request.responseDefinition;
      seen.push(pack(ClientStreamRequestSchema, request));
    }
    return answerOnce(definition, seen, context);
  },

  async *serverStream(request, context) {
    const definition = request.responseDefinition;
    if (!definition) return;
    setMetadata(definition, context);
    const seen = [pack(ServerStreamRequestSchema, request)];
    for (const [index, data] of definition.responseData.entries()) {
      await sleep(definition.responseDelayMs);
      yield { payload: index === 0 ? { data, requestInfo: requestInfo(seen, context) } : { data } };
    }
    throwAfter(definition, definition.responseData.length, seen, context);
  },

  async *bidiStream(requests, context) {
    let definition: StreamResponseDefinition | undefined;
    let fullDuplex = false;
    let sent = 0;
    let seen: Requests = [];
    let first = true;
    const answer = async () => {
      await sleep(definition!.responseDelayMs);
      const data = definition!.responseData[sent]!;
      // Headers and timeout are told once, with the first answer.
      const info =
        sent === 0
          ? requestInfo(seen, context)
          : create(ConformancePayload_RequestInfoSchema, { requests: seen });
      sent++;
      return { payload: { data, requestInfo: info } };
    };
    for await (const request of requests) {
      if (first) {
        definition = request.responseDefinition;
        fullDuplex = request.fullDuplex;
        first = false;
        if (definition) setMetadata(definition, context);
      }
      seen.push(pack(BidiStreamRequestSchema, request));
      if (!fullDuplex) continue;
      if (!definition || sent >= definition.responseData.length) break;
      yield await answer();
      seen = [];
    }
    if (!definition) return;
    while (sent < definition.responseData.length) {
      yield await answer();
      seen = [];
    }
    throwAfter(definition, sent, seen, context);
  },

  unimplemented() {
    throw new ConnectError("unimplemented", Code.Unimplemented);
  },
};

async function answerOnce(
  definition: UnaryResponseDefinition | undefined,
  seen: Requests,
  context: HandlerContext,
) {
  const info = requestInfo(seen, context);
  if (!definition) return { payload: { requestInfo: info } };
  setMetadata(definition, context);
  await sleep(definition.responseDelayMs);
  const { response } = definition;
  if (response.case === "error") throw toError(response.value, info);
  return { payload: { requestInfo: info, ...(response.case ? { data: response.value } : {}) } };
}

function throwAfter(
  { error }: StreamResponseDefinition,
  sent: number,
  seen: Requests,
  context: HandlerContext,
): void {
  if (error) throw toError(error, sent === 0 ? requestInfo(seen, context) : undefined);
}

function toError(
  { code, message, details }: ErrorDefinition,
  info: ConformancePayload_RequestInfo | undefined,
): ConnectError {
  const error = new ConnectError(message ?? "", code as number as Code);
  error.details = details.map(({ typeUrl, value }) => ({
    type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
    value,
  }));
  if (info) error.details.push({ desc: ConformancePayload_RequestInfoSchema, value: info });
  return error;
}

function setMetadata(
  { responseHeaders, responseTrailers }: { responseHeaders: Header[]; responseTrailers: Header[] },
  context: HandlerContext,
): void {
  append(responseHeaders, context.responseHeader);
  append(responseTrailers, context.responseTrailer);
}

function append(headers: readonly Header[], target: Headers): void {
  for (const { name, value } of headers) for (const one of value) target.append(name, one);
}

function requestInfo(requests: Requests, context: HandlerContext): ConformancePayload_RequestInfo {
  const timeoutMs = context.timeoutMs();
  const query = [...(URL.parse(context.url)?.searchParams ?? [])];
  return create(ConformancePayload_RequestInfoSchema, {
    requests,
    requestHeaders: [...context.requestHeader].map(([name, value]) => ({ name, value: [value] })),
    ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(Math.ceil(timeoutMs)) }),
    ...(context.requestMethod === "GET" && query.length > 0
      ? { connectGetInfo: { queryParams: query.map(([name, value]) => ({ name, value: [value] })) } }
      : {}),
  });
}

function pack<D extends DescMessage>(schema: D, message: Message) {
  return anyPack(schema, message as Parameters<typeof anyPack<D>>[1]);
}
