import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { type Code, ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { PUSHBACK_HEADER } from "./resilience/load-headers.ts";

/**
 * The error a handler throws to answer with a status: a code, a sentence for people, and the domain's
 * reason as a message for programs.
 *
 *     throw fail(Code.NotFound, `track ${id} is not in the catalog`, CatalogErrorDetailSchema, { reason, subject: id });
 */
export function fail<D extends DescMessage>(
  code: Code,
  message: string,
  detailSchema?: D,
  detail?: MessageInitShape<D>,
): ConnectError {
  const details = detailSchema && detail ? [{ desc: detailSchema, value: detail }] : undefined;
  return new ConnectError(message, code, undefined, details);
}

/**
 * Marks an error as one that any replica would answer with, such as while a dependency that all of them
 * share is away: callers do not send the call again, and do not hold it against this replica.
 *
 *     throw notAgain(fail(Code.Unavailable, "the catalog does not answer"));
 */
export function notAgain(error: ConnectError): ConnectError {
  error.metadata.set(PUSHBACK_HEADER, "-1");
  return error;
}

const NOTHING = new Headers();

export interface CallErrorInit {
  readonly code: Code;
  /** What the server, or the mesh in its place, said. */
  readonly message: string;
  /** `<package>.<Service>/<Method>`. */
  readonly method: string;
  /** `host:port` of the last endpoint tried; empty where none was. */
  readonly peer: string;
  /** How many times the call was sent. */
  readonly attempt: number;
  /** What the server sent before its status, and with it. */
  readonly header?: Headers | undefined;
  readonly trailer?: Headers | undefined;
  readonly cause?: unknown;
}

/**
 * What clients of the mesh reject with. Its message leads with the method and the code:
 * `catalog.v1.CatalogService/GetTrack not_found: track t9 is not in the catalog`.
 * Details of the server are read with `findDetails`.
 */
export class CallError extends ConnectError {
  readonly method: string;
  readonly peer: string;
  readonly attempt: number;
  /** What the server sent before its status, and with it; `metadata` holds both. */
  readonly header: Headers;
  readonly trailer: Headers;

  constructor({ code, message, method, peer, attempt, header, trailer, cause }: CallErrorInit) {
    super(message, code, header, undefined, cause);
    this.header = header ?? NOTHING;
    this.trailer = trailer ?? NOTHING;
    for (const [name, value] of this.trailer) this.metadata.append(name, value);
    this.message = `${method.replace(/^antiphon\./, "")} ${codeToString(code)}: ${message}`;
    this.method = method;
    this.peer = peer;
    this.attempt = attempt;
  }

  /** ConnectError decides `instanceof` by shape, which every ConnectError would pass here. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return Function.prototype[Symbol.hasInstance].call(CallError, value);
  }
}
