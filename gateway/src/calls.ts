import type { ListenerIdentity } from "@antiphon/mesh";
import { RateClass } from "@antiphon/proto/antiphon/options/v1/options";
import type { DescMethodUnary, Message, Registry } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  createContextKey,
  type HandlerContext,
  type Transport,
} from "@connectrpc/connect";
import { addressKey } from "./address.ts";
import type { Admission } from "./admission.ts";
import type { Route } from "./contracts/routes.ts";
import { noteFailure, responseOf } from "./failures.ts";
import { type Forwarder, forwarder, isMethod, listenerKey } from "./forward.ts";
import type { Guesses } from "./limits/guesses.ts";
import type { MetadataPolicy } from "./metadata.ts";
import { COMPRESSIONS } from "./pass/passing.ts";
import { keepsTokensInCookies, type SessionKeeper, sessionKeeper } from "./session/session-messages.ts";

/** The largest message a browser may send. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

export interface CallDeps {
  readonly contracts: Registry;
  readonly routes: readonly Route[];
  readonly admission: Admission;
  readonly guesses: Guesses;
  /** The mesh's transport to a service, by its name in Consul. */
  readonly transport: (service: string) => Transport;
  readonly metadata: MetadataPolicy;
  /** After decompression. */
  readonly maxMessageBytes: number;
  /** The timeout of calls that bring none, in milliseconds; undefined leaves it to the contract. */
  readonly untimedMs: number | undefined;
  readonly secureCookies: boolean;
  /** Aborts when the gateway drains: open streams end as `unavailable`. */
  readonly signal: AbortSignal;
}

/**
 * Serves Connect, gRPC-Web and gRPC for every route and forwards to the mesh, translating messages by
 * their contract. Built from descriptors: there is no code per service.
 */
export function callRouter(deps: CallDeps): ConnectRouter {
  const router = createConnectRouter({
    acceptCompression: COMPRESSIONS,
    readMaxBytes: deps.maxMessageBytes,
    jsonOptions: { registry: deps.contracts },
  });
  for (const route of deps.routes) {
    const { metadata, untimedMs, signal } = deps;
    const forward = forwarder({ transport: deps.transport(route.service), metadata, untimedMs, signal });
    addRoute(router, route, forward, deps);
  }
  return router;
}

function addRoute(router: ConnectRouter, route: Route, forward: Forwarder, deps: CallDeps): void {
  const { method } = route;
  const gated = { requestGate: (context: HandlerContext) => admit(context, route, deps.admission) };
  // A call under way is answered before the gateway goes; a stream might never end.
  const options = method.methodKind === "unary" ? gated : { ...gated, shutdownSignal: deps.signal };
  if (isMethod(method, "unary")) router.rpc(method, unaryCall(method, route, forward, deps), options);
  else if (isMethod(method, "server_streaming")) {
    router.rpc(method, (request, context) => forward.serverStream(method, request, context), options);
  } else if (isMethod(method, "client_streaming")) {
    router.rpc(method, (requests, context) => forward.clientStream(method, requests, context), options);
  } else if (isMethod(method, "bidi_streaming")) {
    router.rpc(method, (requests, context) => forward.bidiStream(method, requests, context), options);
  }
}

/** The admission of a request that was asked for before. */
export const admittedKey = createContextKey<Promise<ListenerIdentity | undefined> | undefined>(undefined);

/** Runs before the body is read: who calls, and may they? */
async function admit(context: HandlerContext, route: Route, admission: Admission): Promise<void> {
  noteFailureOf(context);
  const setCookies: string[] = [];
  const asking = {
    header: context.requestHeader,
    address: context.values.get(addressKey),
    host: new URL(context.url).host,
    isGet: context.requestMethod === "GET",
    response: responseOf(context),
  };
  try {
    const admitted = context.values.get(admittedKey) ?? admission.admit(route, asking, setCookies);
    context.values.set(listenerKey, await admitted);
  } finally {
    addCookies(context, setCookies);
  }
}

/** Whatever a call fails of ends its context: also what never comes to us, such as a message that cannot be parsed. */
function noteFailureOf(context: HandlerContext): void {
  const response = responseOf(context);
  context.signal.addEventListener("abort", () => {
    const { reason } = context.signal;
    if (reason instanceof ConnectError) noteFailure(response, reason.code);
    // A call that ended well aborts its context without a reason.
    else if (!(reason instanceof DOMException)) noteFailure(response, Code.Internal);
  });
}

function unaryCall(method: DescMethodUnary, route: Route, forward: Forwarder, deps: CallDeps) {
  const keeper = sessionKeeper(method, deps.secureCookies);
  const guarded =
    route.semantics.rateClass === RateClass.SIGN_IN ? guessing(method, deps.guesses) : unguarded;
  return async (request: Message, context: HandlerContext): Promise<Message> => {
    keeper?.fillRequest(request, context.requestHeader);
    const { message } = await guarded(context, request, () => forward.unary(method, request, context));
    keepTokens(keeper, message, context);
    return message;
  };
}

type Guard = <T>(context: HandlerContext, request: Message, call: () => Promise<T>) => Promise<T>;

const unguarded: Guard = (_context, _request, call) => call();

/** Counts what is refused as unauthenticated against the address it came from and the account it names. */
function guessing(method: DescMethodUnary, { check, wrong }: Guesses): Guard {
  const email = method.input.fields.find((field) => field.name === "email");
  return async (context, request, call) => {
    const address = context.values.get(addressKey);
    const account = email && String(reflect(method.input, request).get(email));
    check(address, account);
    try {
      return await call();
    } catch (error) {
      if (ConnectError.from(error).code === Code.Unauthenticated) wrong(address, account);
      throw error;
    }
  };
}

function keepTokens(keeper: SessionKeeper | undefined, answer: Message, context: HandlerContext): void {
  if (!keeper || !keepsTokensInCookies(context.requestHeader)) return;
  const setCookies: string[] = [];
  keeper.moveSession(answer, setCookies);
  addCookies(context, setCookies);
}

function addCookies(context: HandlerContext, setCookies: readonly string[]): void {
  for (const cookie of setCookies) context.responseHeader.append("set-cookie", cookie);
}
