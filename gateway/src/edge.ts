import { continueTrace, runInScope } from "@antiphon/mesh";
import { Code } from "@connectrpc/connect";
import { dropRest } from "./body.ts";
import { type CallDeps, callRouter } from "./calls.ts";
import { faultOfGet } from "./connect-get.ts";
import { noteFailure } from "./failures.ts";
import type { NodeHandler, NodeRequest, NodeResponse } from "./front.ts";
import { type PassThrough, passingCalls } from "./pass/pass-through.ts";
import type { PassDeps } from "./pass/passing.ts";
import type { Cors } from "./session/cors.ts";
import { type RequestTarget, targetOf } from "./target.ts";
import type { EdgeProtocol, EdgeTelemetry } from "./telemetry.ts";
import { type Translated, type TranslatedDeps, translated } from "./translated.ts";

/** Longer timeouts overflow timers or hold resources for nothing. */
const MAX_TIMEOUT_MS = 600_000;

/** Answers a request; throws only what should never happen. */
export type Answer = (
  request: NodeRequest,
  response: NodeResponse,
  target: RequestTarget,
) => void | Promise<void>;

/** What answers the calls of some routes, by path. */
export function callsOf(deps: CallDeps & PassDeps & TranslatedDeps): ReadonlyMap<string, Answer> {
  const passing = passingCalls(deps.routes, deps);
  const handlers = new Map(callRouter(deps).handlers.map((handler) => [handler.requestPath, handler]));
  return new Map(
    deps.routes.map((route) => {
      const path = `/${route.method.parent.typeName}/${route.method.name}`;
      return [path, answerCall(translated(handlers.get(path)!, route, deps), passing.get(path))];
    }),
  );
}

interface Deps {
  /** Calls by path. */
  readonly calls: { get(path: string): Answer | undefined };
  readonly cors: Cors;
  readonly media: Answer;
  readonly page: Answer | undefined;
  readonly telemetry: EdgeTelemetry;
}

/**
 * The way of a request: a call by its exact path, else media, else the page. Nothing that a
 * request contains makes it throw.
 */
export function edgeHandler({ calls, cors, media, page, telemetry }: Deps): NodeHandler {
  const traced: Answer = (request, response, target) =>
    runInScope({ traceparent: String(request.headers.traceparent) }, () => media(request, response, target));

  /** Where a request goes that is no call: the route to count it under, and what answers. */
  const find = (path: string): [route: string, answer: Answer] => {
    if (path.startsWith("/media/")) return ["/media", traced];
    // A call that does not exist, or that is not for browsers.
    if (/^\/[\w.]+\.v\d+\.\w+\/\w+$/.test(path)) return ["unknown call", refuseCall];
    return ["/", page ?? notFound];
  };

  return async (request, response) => {
    try {
      response.on("finish", dropUnread);
      const exact = calls.get(request.url ?? "/");
      const target = targetOf(request, exact !== undefined);
      if (!target) {
        refuse(response, 400, "the request's host or path is not valid\n");
        return;
      }
      const call = exact ?? calls.get(target.pathname);
      const [route, answer] = call ? [target.pathname, call] : find(target.pathname);
      // A trace begins here: one from outside is not believed.
      const traceparent = continueTrace(undefined);
      request.headers.traceparent = traceparent;
      const protocol = call ? protocolOf(request) : "http";
      telemetry.observe(response, { route, protocol, traceparent });
      if (cors.answers(request, response)) return;
      await answer(request, response, target);
    } catch (error) {
      telemetry.failed(request, response, error);
    }
  };
}

function dropUnread(this: NodeResponse): void {
  if (!this.req.readableEnded) void dropRest(this.req);
}

/** @param pass for requests that need no translation, where the call has such */
function answerCall(translate: Translated, pass: PassThrough | undefined): Answer {
  return (request, response, target) => {
    const type = request.headers["content-type"] ?? "";
    if (request.httpVersionMajor < 2 && isGrpc(type)) {
      request.resume();
      refuse(response, 415, "gRPC needs HTTP/2\n");
      return;
    }
    if (request.method === "GET") {
      response.appendHeader("vary", "accept-encoding");
      const fault = faultOfGet(target);
      if (fault !== undefined) {
        refuseAsConnect(response, 400, "invalid_argument", fault);
        return;
      }
    }
    clampTimeout(request, "connect-timeout-ms", /^(\d{1,10})$/, () => 1, "");
    clampTimeout(request, "grpc-timeout", /^(\d{1,8})([HMSmun])$/, (unit) => UNIT_MS[unit] ?? 1, "m");
    return pass?.(request, response, target) ?? translate(request, response, target);
  };
}

/** The protocol of a call, as metrics name it. */
function protocolOf(request: NodeRequest): EdgeProtocol {
  const type = request.headers["content-type"] ?? "";
  if (type.startsWith("application/grpc-web")) return "grpc-web";
  return type.startsWith("application/grpc") ? "grpc" : "connect";
}

/** gRPC ends with trailers, which HTTP/1.1 on its way through proxies loses. */
function isGrpc(type: string): boolean {
  return type.startsWith("application/grpc") && /^application\/grpc(\+|;|$)/.test(type);
}

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** Brings a timeout into bounds before it meets a timer; one that is no timeout is left to be refused. */
function clampTimeout(
  request: NodeRequest,
  name: string,
  form: RegExp,
  unitMs: (unit: string) => number,
  suffix: string,
): void {
  const value = request.headers[name];
  const match = value === undefined ? null : form.exec(String(value));
  if (!match) return;
  const timeoutMs = Number(match[1]) * unitMs(match[2] ?? "");
  if (timeoutMs > MAX_TIMEOUT_MS) request.headers[name] = `${MAX_TIMEOUT_MS}${suffix}`;
}

/** Internal methods and unknown ones look the same from outside. */
function refuseCall(request: NodeRequest, response: NodeResponse, { pathname }: RequestTarget): void {
  request.resume();
  noteFailure(response, Code.Unimplemented);
  // To clients of gRPC and gRPC-Web a bare 404 means unimplemented; JSON would be Connect's.
  if (/^application\/grpc/.test(request.headers["content-type"] ?? "")) {
    refuse(response, 404, "");
    return;
  }
  refuseAsConnect(response, 404, "unimplemented", `${pathname} is not a call of this gateway`);
}

function refuseAsConnect(response: NodeResponse, status: number, code: string, message: string): void {
  response.setHeader("content-type", "application/json");
  refuse(response, status, JSON.stringify({ code, message }));
}

function notFound(request: NodeRequest, response: NodeResponse): void {
  request.resume();
  refuse(response, 404, "not found\n");
}

function refuse(response: NodeResponse, status: number, body: string): void {
  response.statusCode = status;
  response.end(body);
}
