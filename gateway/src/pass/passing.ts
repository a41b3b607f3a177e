import type { BytesTransport } from "@antiphon/mesh";
import type { DescMethodServerStreaming, DescMethodUnary, Registry } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import type { Admission } from "../admission.ts";
import type { NodeRequest } from "../front.ts";
import type { MetadataPolicy } from "../metadata.ts";

export const COMPRESSIONS = [compressionGzip, compressionBrotli].map(blamingSender);

/** What ends early is the sender's fault: connect-node calls that internal. */
function blamingSender(compression: Compression): Compression {
  return {
    ...compression,
    async decompress(bytes, maxBytes) {
      try {
        return await compression.decompress(bytes, maxBytes);
      } catch (error) {
        if (!(error instanceof ConnectError) || error.code !== Code.Internal) throw error;
        throw new ConnectError(`the message is no ${compression.name}`, Code.InvalidArgument);
      }
    },
  };
}

/** Smaller messages are not worth the time. */
export const COMPRESS_FROM_BYTES = 1024;

export interface PassDeps {
  readonly contracts: Registry;
  readonly admission: Admission;
  /** The mesh's transport to a service, by its name in Consul. */
  readonly transport: (service: string) => BytesTransport;
  readonly addressOf: (request: NodeRequest) => string;
  readonly metadata: MetadataPolicy;
  /** After decompression. */
  readonly maxMessageBytes: number;
  /** The timeout of calls that bring none, in milliseconds; undefined leaves it to the contract. */
  readonly untimedMs: number | undefined;
  /** Aborts when the gateway drains. */
  readonly signal: AbortSignal;
}

/** One call on its way through. */
export interface Passing {
  readonly method: DescMethodUnary | DescMethodServerStreaming;
  readonly transport: BytesTransport;
  /** Rejects where the call may not be made. */
  admit(): Promise<void>;
  /** Runs `call` for the listener that was admitted. */
  listenersName<T>(call: () => Promise<T>): Promise<T>;
  /** Adds what may pass of a failed call's header to the answer. */
  passHeader(header: Headers): void;
}

export function headerOf({ headers }: NodeRequest, name: string): string | null {
  const value = headers[name];
  return typeof value === "string" ? value : null;
}
