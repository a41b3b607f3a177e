import { CallError, type ListenerIdentity, runInScope } from "@antiphon/mesh";
import type {
  DescMessage,
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodStreaming,
  DescMethodUnary,
  Message,
} from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createContextKey,
  type HandlerContext,
  type Transport,
  type UnaryResponse,
} from "@connectrpc/connect";
import { noteFailure, responseOf } from "./failures.ts";
import { type MetadataPolicy, passMetadata } from "./metadata.ts";
import { toldOf } from "./told.ts";

/** Forwards translated calls to one service of the mesh, in the name of the listener admitted. */
export interface Forwarder {
  unary(method: DescMethodUnary, request: Message, context: HandlerContext): Promise<UnaryResponse>;
  serverStream(
    method: DescMethodServerStreaming,
    request: Message,
    context: HandlerContext,
  ): AsyncIterable<Message>;
  clientStream(
    method: DescMethodClientStreaming,
    requests: AsyncIterable<Message>,
    context: HandlerContext,
  ): Promise<Message>;
  bidiStream(
    method: DescMethodBiDiStreaming,
    requests: AsyncIterable<Message>,
    context: HandlerContext,
  ): AsyncIterable<Message>;
}

/** For whom a call was admitted. */
export const listenerKey = createContextKey<ListenerIdentity | undefined>(undefined);

interface Deps {
  readonly transport: Transport;
  readonly metadata: MetadataPolicy;
  /** The timeout of calls that bring none, in milliseconds; undefined leaves it to the contract. */
  readonly untimedMs: number | undefined;
  /** Aborts when the gateway drains. */
  readonly signal: AbortSignal;
}

export function forwarder({ transport, metadata, untimedMs, signal }: Deps): Forwarder {
  const begin = <T>(
    context: HandlerContext,
    call: (timeoutMs: number | undefined, header: Headers) => T,
  ): T => {
    const header = new Headers();
    passMetadata(context.requestHeader, header, metadata.toService);
    return runInScope({ listener: context.values.get(listenerKey) }, () =>
      call(context.timeoutMs() ?? untimedMs, header),
    );
  };

  /** What the caller is told: why it was cut off where that is the cause, without a service's own metadata. */
  const publicError = (reason: unknown, context: HandlerContext, headerPassed = false): ConnectError => {
    const told = answerTo(reason, context, headerPassed);
    noteFailure(responseOf(context), told.code);
    return told;
  };

  const answerTo = (reason: unknown, context: HandlerContext, headerPassed: boolean): ConnectError => {
    if (signal.aborted && context.method.methodKind !== "unary") {
      return new ConnectError("the gateway is going away", Code.Unavailable);
    }
    const cut = context.signal.aborted ? context.signal.reason : undefined;
    if (cut instanceof ConnectError) return cut;
    const error = ConnectError.from(reason);
    if (error instanceof CallError) {
      if (!headerPassed) passMetadata(error.header, context.responseHeader, metadata.toBrowser);
      passMetadata(error.trailer, context.responseTrailer, metadata.toBrowser);
    }
    return toldOf(error);
  };

  async function* stream(
    method: DescMethodStreaming,
    requests: AsyncIterable<Message>,
    context: HandlerContext,
  ): AsyncGenerator<Message> {
    const watched = watch(requests);
    let headerPassed = false;
    try {
      const answer = await begin(context, (timeoutMs, header) =>
        transport.stream<DescMessage, DescMessage>(method, context.signal, timeoutMs, header, watched.items),
      );
      passMetadata(answer.header, context.responseHeader, metadata.toBrowser);
      headerPassed = true;
      yield* answer.message;
      passMetadata(answer.trailer, context.responseTrailer, metadata.toBrowser);
    } catch (error) {
      // What is wrong with the caller's own messages says more than that the stream ended of it.
      throw watched.failure() ?? publicError(error, context, headerPassed);
    }
  }

  return {
    async unary(method, request, context) {
      try {
        const answer = await begin(context, (timeoutMs, header) =>
          transport.unary<DescMessage, DescMessage>(method, context.signal, timeoutMs, header, request),
        );
        passMetadata(answer.header, context.responseHeader, metadata.toBrowser);
        passMetadata(answer.trailer, context.responseTrailer, metadata.toBrowser);
        return answer;
      } catch (error) {
        throw publicError(error, context);
      }
    },
    serverStream: (method, request, context) => stream(method, once(request), context),
    async clientStream(method, requests, context) {
      const answers: Message[] = [];
      for await (const answer of stream(method, requests, context)) answers.push(answer);
      if (answers.length === 1) return answers[0]!;
      throw new ConnectError(`expected one answer, the service sent ${answers.length}`, Code.Unimplemented);
    },
    bidiStream: stream,
  };
}

export function isMethod<K extends DescMethod["methodKind"]>(
  method: DescMethod,
  kind: K,
): method is DescMethod & { methodKind: K } {
  return method.methodKind === kind;
}

/**
 * Passes the items on and remembers why they ended early. Not a generator: one that waits for its next
 * item could not be told that nobody reads on.
 */
function watch(source: AsyncIterable<Message>) {
  let failure: unknown;
  const iterator = source[Symbol.asyncIterator]();
  const items: AsyncIterableIterator<Message> = {
    [Symbol.asyncIterator]: () => items,
    async next() {
      try {
        return await iterator.next();
      } catch (error) {
        failure = error;
        throw error;
      }
    },
    async return() {
      await iterator.return?.();
      return { done: true, value: undefined };
    },
    // Connect's own transports insist on it.
    async throw(reason) {
      await iterator.return?.();
      throw reason;
    },
  };
  return { items, failure: () => failure };
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}
