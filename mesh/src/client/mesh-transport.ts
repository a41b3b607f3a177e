import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, type StreamResponse, type Transport, type UnaryResponse } from "@connectrpc/connect";
import type { Logger } from "pino";
import { Registry } from "prom-client";
import type { BalanceOverrides } from "../balance/settings.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { Discovery } from "../discovery/discovery.ts";
import { dnsDiscovery } from "../discovery/dns-discovery.ts";
import type { IdentitySigner } from "../identity/listener-proof.ts";
import { rulesOf } from "../policy/method-rules.ts";
import type { PolicySource } from "../policy/policy-source.ts";
import { compile, type StackParts } from "../stack.ts";
import { clientMetrics } from "../telemetry/client-metrics.ts";
import type { TargetSnapshot } from "../telemetry/debug-targets.ts";
import { frame } from "../transport/frames.ts";
import { Http2Connection, type Http2Options } from "../transport/http2-connection.ts";
import { type BytesTransport, type Compiled, streamBytes, unaryBytes } from "./bytes.ts";
import { abort, newCall, verdictOfMesh } from "./call.ts";
import { acquireCluster, releaseCluster } from "./clusters.ts";
import { mapped } from "./mapped.ts";
import { planOf } from "./method-plan.ts";
import {
  copyInto,
  errorOf,
  headersOf,
  MeshStreamResponse,
  MeshUnaryResponse,
  onlyMessage,
  parseMessage,
} from "./response.ts";
import { ResponseStream } from "./response-stream.ts";
import { addressDiscovery, parseTarget, type Target, TargetError } from "./target.ts";

export interface MeshTransportOptions {
  /** `consul:///<service>`, `dns:///<host>:<port>`, or `static:///<host>:<port>,<host>:<port>`. */
  readonly target: string;
  /** Answers `consul` targets. Transports with the same discovery and target share connections. */
  readonly discovery?: Discovery;
  /** Where the client's metrics are kept. Default: a registry of its own. */
  readonly metrics?: Registry;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** A larger answer ends its call with `resource_exhausted`. Default 16 MiB. */
  readonly maxMessageBytes?: number;
  /** Request messages of at least so many bytes are sent compressed, where no policy says otherwise. Default: none is. */
  readonly compressFromBytes?: number | undefined;
  /** Tells the policies of `consul` targets, followed live. Default: there are none. */
  readonly policies?: PolicySource;
  /** How calls are spread, to begin with. */
  readonly balance?: BalanceOverrides;
  /** The caller's own zone, for `preferZone`. */
  readonly zone?: string;
  /** Decides which endpoints of a large fleet this caller uses. Default another one for each process. */
  readonly callerId?: string;
  readonly http2?: Http2Options;
  /** Vouches for listeners in whose name calls begin here. Default: those calls are made in nobody's. */
  readonly signer?: IdentitySigner | undefined;
}

/** A Connect `Transport` for clients made by `createClient`, with the whole mesh behind it. */
export interface MeshTransport extends Transport, BytesTransport {
  /** What `/debug/mesh` shows: endpoints, their states, and why the last picks were made. */
  debugSnapshot(): TargetSnapshot;
  /** Calls in flight end with `unavailable`. Connections close with their last user. */
  close(): void;
}

const DEFAULT_MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * Makes a transport to a target: found, balanced, guarded and measured by the layers of `stack.ts`. It
 * connects at once. Its calls reject with `CallError`. Throws `TargetError` for a target that it cannot
 * understand, or a `consul` target without a discovery.
 */
export function createMeshTransport(options: MeshTransportOptions): MeshTransport {
  const target = parseTarget(options.target);
  const discovery = discoveryOf(target, options);
  if (!discovery) throw new TargetError(`target ${JSON.stringify(target.text)} needs a discovery`);
  const clock = options.clock ?? systemClock;
  const cluster = acquireCluster(target, discovery, {
    clock,
    connect: (endpoint, observer) => new Http2Connection(endpoint, observer, options.http2),
    log: options.log,
    policies: target.scheme === "consul" ? options.policies : undefined,
    balance: options.balance,
    zone: options.zone,
    callerId: options.callerId,
  });
  const metrics = clientMetrics(options.metrics ?? new Registry());
  const leaveMetrics = metrics.follow(cluster);
  const stack = compiledStack({
    clock,
    cluster,
    metrics,
    maxMessageBytes: options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
    compressFromBytes: options.compressFromBytes,
    signer: options.signer,
  });

  return {
    unary: (method, signal, timeoutMs, header, input) =>
      unary(stack(method), method, signal, timeoutMs, header, input),
    stream: (method, signal, timeoutMs, header, input) =>
      stream(stack(method), method, signal, timeoutMs, header, input),
    unaryBytes: (method, call) => unaryBytes(stack(method), call),
    streamBytes: (method, call) => streamBytes(stack(method), call),
    debugSnapshot: () => cluster.snapshot(),
    close() {
      leaveMetrics();
      releaseCluster(cluster, discovery);
    },
  };
}

/** All `dns` targets of the process. */
const dns = dnsDiscovery();

function discoveryOf({ scheme }: Target, { discovery }: MeshTransportOptions): Discovery | undefined {
  if (scheme === "static") return addressDiscovery;
  return scheme === "dns" ? dns : discovery;
}

/**
 * The stack of each method, made on its first call, and anew on the first one after the target's policy has
 * changed. Weak: a gateway whose routes change leaves descriptors behind.
 */
function compiledStack(parts: Omit<StackParts, "rules">): (method: DescMethod) => Compiled {
  const { cluster } = parts;
  let compiled = new WeakMap<DescMethod, Compiled>();
  let revision = cluster.revision;
  const stack = (method: DescMethod): Compiled => {
    if (!cluster.isSteered) return patient(method);
    if (cluster.revision !== revision) {
      revision = cluster.revision;
      compiled = new WeakMap();
    }
    let entry = compiled.get(method);
    if (!entry) {
      const plan = planOf(method);
      const rules = rulesOf(cluster.policyState.policy, cluster.target.service, method);
      entry = { plan, send: compile(plan, { ...parts, rules }) };
      compiled.set(method, entry);
    }
    return entry;
  };
  /** The first call must not go where the policy would not send it: it waits until that is known. */
  const patient = (method: DescMethod): Compiled => ({
    plan: planOf(method),
    send: (call, done) => void cluster.steered.then(() => stack(method).send(call, done)),
  });
  return stack;
}

function unary<I extends DescMessage, O extends DescMessage>(
  { plan, send }: Compiled,
  method: DescMethodUnary<I, O>,
  signal: AbortSignal | undefined,
  timeoutMs: number | undefined,
  header: ConstructorParameters<typeof Headers>[0],
  input: MessageInitShape<I>,
): Promise<UnaryResponse<I, O>> {
  return new Promise((resolve, reject) => {
    const request = frame(toBinary(method.input, create(method.input, input)));
    const call = newCall(plan, request, undefined, signal, timeoutMs, plainHeaders(header));
    send(call, (outcome) => {
      try {
        const message = parseMessage(method.output, onlyMessage(call, outcome), call);
        resolve(new MeshUnaryResponse(method, message, outcome));
      } catch (error) {
        reject(error);
      }
    });
  });
}

async function stream<I extends DescMessage, O extends DescMessage>(
  { plan, send }: Compiled,
  method: DescMethodStreaming<I, O>,
  signal: AbortSignal | undefined,
  timeoutMs: number | undefined,
  header: ConstructorParameters<typeof Headers>[0],
  input: AsyncIterable<MessageInitShape<I>>,
): Promise<StreamResponse<I, O>> {
  const toFrame = (message: MessageInitShape<I>) =>
    frame(toBinary(method.input, create(method.input, message)));
  // A single request is held ready, so that the call can be sent again.
  const request = plan.kind === "server_streaming" ? toFrame(await first(input)) : mapped(input, toFrame);
  const messages = new ResponseStream(
    (bytes) => parseMessage(method.output, bytes, call),
    () => abort(call, verdictOfMesh(Code.Canceled, "the reader left", { reached: true })),
  );
  const call = newCall(plan, request, messages, signal, timeoutMs, plainHeaders(header));
  const trailer = new Headers();
  send(call, (outcome) => {
    copyInto(trailer, outcome.trailer);
    messages.finish(outcome, outcome.code === 0 ? undefined : errorOf(call, outcome));
  });
  return new MeshStreamResponse(method, messages, headersOf(await messages.started), trailer);
}

function plainHeaders(init: ConstructorParameters<typeof Headers>[0]): Record<string, string> {
  const headers: Record<string, string> = {};
  if (init === undefined) return headers;
  new Headers(init).forEach((value, name) => {
    headers[name] = value;
  });
  return headers;
}

async function first<T>(input: AsyncIterable<T>): Promise<T> {
  for await (const message of input) return message;
  throw new TypeError("a server-streaming call needs one request message");
}
