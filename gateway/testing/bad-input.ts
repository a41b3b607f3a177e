import { codeToString } from "@connectrpc/connect/protocol-connect";
import { overHttp2, raw } from "./raw.ts";

/** Whom bad inputs are sent to. */
export interface Target {
  /** Where it speaks HTTP/1.1, and HTTP/2 in plain text. */
  readonly http1: number;
  readonly http2: number;
  /** A listener's bearer token. */
  readonly token: string;
}

/** What no client of good will sends, and what has to be said to it. */
export interface BadInput {
  readonly what: string;
  readonly send: (target: Target) => Promise<string>;
  /** HTTP status and code, `closed` or `reset`. */
  readonly answer: string;
}

export type Body = string | Uint8Array;
export type Headers = Readonly<Record<string, string>>;

export const GET_TRACK = "/antiphon.catalog.v1.CatalogService/GetTrack";
export const WATCH = "/antiphon.recommendation.v1.RecommendationService/WatchRecommendations";
export const SIGN_IN = "/antiphon.identity.v1.IdentityService/SignIn";

/** These bytes on a connection; with `end` the client closes its half then. */
export function bytes(what: string, sent: Body, answer: string, end = false): BadInput {
  const send = async ({ http1 }: Target) => outcomeOf(await raw(http1, sent, end));
  return { what, send, answer };
}

/** A request of HTTP/1.1. Without a body it has no length either. */
export function request(line: string, headers: Headers, body?: Body): Buffer {
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  const fields = { host: "a", connection: "close", ...length, ...headers };
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${line} HTTP/1.1\r\n${head.join("")}\r\n`), Buffer.from(body ?? "")]);
}

/** A call by POST. */
export function post(what: string, type: string, body: Body, headers: Headers, answer: string): BadInput {
  return bytes(what, request(`POST ${GET_TRACK}`, { "content-type": type, ...headers }, body), answer);
}

/** A call of Connect by GET. */
export function get(what: string, path: string, query: string, answer: string): BadInput {
  return bytes(what, request(`GET ${path}?${query}`, {}), answer);
}

/** One message too many, too short, too strange: the same for all protocols with envelopes. */
export function inEnvelope(what: string, body: Uint8Array, encoding: string, answer: string): BadInput[] {
  const named = (header: string): Headers => (encoding === "" ? {} : { [header]: encoding });
  const connect = async ({ http1, token }: Target) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/connect+proto" };
    const all = { ...headers, ...named("connect-content-encoding") };
    return outcomeOf(await raw(http1, request(`POST ${WATCH}`, all, body)));
  };
  const grpc = async ({ http2 }: Target) =>
    outcomeOver2(http2, { te: "trailers", ...named("grpc-encoding") }, body);
  return [
    post(`gRPC-Web: ${what}`, "application/grpc-web+proto", body, named("grpc-encoding"), answer),
    { what: `gRPC: ${what}`, send: grpc, answer },
    { what: `Connect stream: ${what}`, send: connect, answer },
  ];
}

/** A call of gRPC, or of what `headers` say, over HTTP/2. */
export function over2(what: string, headers: Headers, body: Body | undefined, answer: string): BadInput {
  return { what: `HTTP/2: ${what}`, send: ({ http2 }) => outcomeOver2(http2, headers, body), answer };
}

async function outcomeOver2(port: number, headers: Headers, body: Body | undefined): Promise<string> {
  const usual = { ":method": "POST", ":path": GET_TRACK, "content-type": "application/grpc" };
  const answer = await overHttp2(port, { ...usual, ...headers }, body);
  if (!answer) return "reset";
  const status = answer.trailers["grpc-status"] ?? answer.headers["grpc-status"];
  const code = status === undefined ? codeIn(answer.body.toString("latin1")) : nameOf(Number(status));
  return [answer.status, code].join(" ").trim();
}

function outcomeOf(answer: string): string {
  const status = /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1];
  return status === undefined ? "closed" : [status, codeIn(answer)].join(" ").trim();
}

function codeIn(text: string): string {
  const status = /grpc-status: ?(\d+)/.exec(text)?.[1];
  return status === undefined ? (/"code":"(\w+)"/.exec(text)?.[1] ?? "") : nameOf(Number(status));
}

function nameOf(status: number): string {
  return status === 0 ? "ok" : codeToString(status);
}
