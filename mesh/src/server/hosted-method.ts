import {
  create,
  type DescMessage,
  type DescMethod,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { ServerReadableStream, StatusObject } from "@grpc/grpc-js";
import { runInScope } from "../call-scope.ts";
import { fail } from "../errors.ts";
import type { IdentityVerifier } from "../identity/listener-proof.ts";
import type { MethodMetrics } from "../telemetry/server-metrics.ts";
import { accessOf, requireAccess, verifiedProof } from "./access.ts";
import type { MethodGuard } from "./overload-guard.ts";
import type { ServerCall } from "./server-call.ts";
import { readRequest } from "./validation.ts";

/** What calls of every kind have in common: admission, and messages read and written by their contract. */
export class HostedMethod {
  readonly #method: DescMethod;
  readonly #metrics: MethodMetrics;
  readonly #guard: MethodGuard;
  readonly #access;
  readonly #identity: IdentityVerifier;

  constructor(method: DescMethod, metrics: MethodMetrics, guard: MethodGuard, identity: IdentityVerifier) {
    this.#method = method;
    this.#metrics = metrics;
    this.#guard = guard;
    this.#access = accessOf(method);
    this.#identity = identity;
  }

  /**
   * Runs `handle` in the call's scope, at once or when the event loop has a turn for it. A call that must not
   * run is told why: nobody waits for it any more, nobody vouches for its listener, the caller may not make it,
   * or there is too much to do.
   */
  run(call: ServerCall, handle: () => Promise<void>): void {
    try {
      const refusal = this.#admit(call);
      if (refusal) call.refuse(refusal);
      else this.#guard.start(call, () => void runInScope(call, () => this.#handle(call, handle)));
    } catch (error) {
      call.fail(error);
    }
  }

  #admit(call: ServerCall): StatusObject | undefined {
    requireTime(call);
    if (call.listener) call.proof = verifiedProof(this.#identity, call.listener, call.proofToken);
    requireAccess(this.#access, call.listener);
    // Last: a call that is let in is counted until it has settled.
    return this.#guard.admit(call);
  }

  async #handle(call: ServerCall, handle: () => Promise<void>): Promise<void> {
    if (call.settled) return;
    try {
      requireTime(call);
      await handle();
    } catch (error) {
      call.fail(error);
    }
  }

  read(message: Uint8Array): MessageShape<DescMessage> {
    this.#metrics.received.value++;
    return readRequest(this.#method.input, message);
  }

  /** The caller's messages, pulled one by one; the stream stays open when the handler stops reading. */
  async *readAll(surface: ServerReadableStream<Buffer, Buffer>): AsyncGenerator<MessageShape<DescMessage>> {
    for await (const message of surface.iterator({ destroyOnReturn: false })) yield this.read(message);
  }

  write(answer: MessageInitShape<DescMessage>): Buffer {
    const { output } = this.#method;
    const message = toBinary(output, create(output, answer));
    this.#metrics.sent.value++;
    return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  }
}

/** The timer of a deadline is late where the event loop is. */
function requireTime(call: ServerCall): void {
  const remainingMs = call.timeoutMs();
  if (remainingMs !== undefined && remainingMs <= 0) {
    throw fail(Code.DeadlineExceeded, "the deadline had passed before the call began");
  }
}
