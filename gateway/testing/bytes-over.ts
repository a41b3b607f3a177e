import type { BytesTransport, CallSignal } from "@antiphon/mesh";
import { type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";

/** Calls with bytes over a transport that knows messages only, for services that live in memory. */
export function bytesOver(transport: Transport): BytesTransport {
  return {
    async unaryBytes(method, { message, header, timeoutMs, signal }) {
      const input = decode(method.input, message);
      const answer = await transport.unary(
        method,
        abortSignal(signal),
        timeoutMs && Math.ceil(timeoutMs),
        header,
        input,
      );
      return {
        message: toBinary(method.output, answer.message),
        header: Object.fromEntries(answer.header),
        trailer: Object.fromEntries(answer.trailer),
      };
    },
    async streamBytes(method, { message, header, timeoutMs, signal }) {
      const input = decode(method.input, message);
      const answer = await transport.stream(
        method,
        abortSignal(signal),
        timeoutMs && Math.ceil(timeoutMs),
        header,
        once(input),
      );
      async function* messages() {
        for await (const one of answer.message) yield toBinary(method.output, one);
      }
      return {
        header: Object.fromEntries(answer.header),
        messages: messages(),
        trailer: () => Object.fromEntries(answer.trailer),
      };
    },
  };
}

function abortSignal(signal: CallSignal | undefined): AbortSignal {
  const controller = new AbortController();
  if (signal?.aborted) controller.abort(signal.reason);
  else signal?.addEventListener("abort", () => controller.abort(signal.reason));
  return controller.signal;
}

/** What a service of the mesh answers to bytes that it cannot read. */
function decode(schema: DescMessage, bytes: Uint8Array) {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw ConnectError.from(error, Code.InvalidArgument);
  }
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}
