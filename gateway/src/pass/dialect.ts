import type { ServerResponse } from "node:http";
import type { DescMethod, Registry } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import {
  createEndStreamSerialization,
  endStreamFlag,
  parseTimeout as parseConnectTimeout,
} from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";

/** What sets the protocols with enveloped messages apart. */
export interface Dialect {
  readonly encodingHeader: string;
  readonly acceptHeader: string;
  readonly timeoutHeader: string;
  readonly parseTimeout: typeof parseConnectTimeout;
  /** The envelope that tells the end; undefined where HTTP trailers do. */
  readonly endFlags: number | undefined;
  end(trailer: Headers, error: ConnectError | undefined, response: ServerResponse): Uint8Array;
}

const grpcHeaders = {
  encodingHeader: "grpc-encoding",
  acceptHeader: "grpc-accept-encoding",
  timeoutHeader: "grpc-timeout",
  // The two sources differ in what they call the argument only.
  parseTimeout: (value: string | null, maxTimeoutMs: number) => parseGrpcTimeout(value, maxTimeoutMs),
};

const grpcWeb: Dialect = {
  ...grpcHeaders,
  endFlags: trailerFlag,
  end: (trailer, error) => trailerSerialize(setTrailerStatus(trailer, error)),
};

const grpc: Dialect = {
  ...grpcHeaders,
  endFlags: undefined,
  end(trailer, error, response) {
    response.addTrailers(Object.fromEntries(setTrailerStatus(trailer, error)));
    return new Uint8Array(0);
  },
};

function connectStream(contracts: Registry): Dialect {
  const serialization = createEndStreamSerialization({ registry: contracts });
  return {
    encodingHeader: "connect-content-encoding",
    acceptHeader: "connect-accept-encoding",
    timeoutHeader: "connect-timeout-ms",
    parseTimeout: parseConnectTimeout,
    endFlags: endStreamFlag,
    end: (metadata, error) => serialization.serialize(error ? { metadata, error } : { metadata }),
  };
}

/** The dialects of a method, by content type; none with messages in JSON is among them. */
export function dialectsOf(method: DescMethod, contracts: Registry): ReadonlyMap<string, Dialect> {
  const dialects = new Map<string, Dialect>([
    ["application/grpc-web", grpcWeb],
    ["application/grpc-web+proto", grpcWeb],
    ["application/grpc", grpc],
    ["application/grpc+proto", grpc],
  ]);
  if (method.methodKind === "server_streaming") {
    dialects.set("application/connect+proto", connectStream(contracts));
  }
  return dialects;
}
