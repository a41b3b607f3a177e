import { Code } from "@connectrpc/connect";
import type { Ticket } from "../balance/endpoint.ts";
import type { Clock } from "../clock.ts";
import { verdictOf } from "../resilience/verdict.ts";
import type { Attempt, AttemptObserver, Outcome } from "../transport/connection.ts";
import { abort, type Call, type CallOutcome, type Done, type Send, verdictOfMesh } from "./call.ts";
import type { Cluster } from "./cluster.ts";

export interface AttemptParts {
  readonly clock: Clock;
  readonly cluster: Cluster;
  readonly maxMessageBytes: number;
}

/** The innermost layer: sends a call on the connection of the endpoint picked, and reports to the endpoint. */
export function attemptLayer(parts: AttemptParts): Send {
  return (call, done) => new RunningAttempt(call, done, parts).start();
}

class RunningAttempt implements AttemptObserver {
  readonly #call: Call;
  readonly #done: Done;
  readonly #parts: AttemptParts;
  readonly #startedAtMs: number;
  readonly #ticket: Ticket;
  #answeredAtMs: number | undefined;
  #attempt: Attempt | undefined;
  #source: AsyncIterator<Uint8Array> | undefined;

  constructor(call: Call, done: Done, parts: AttemptParts) {
    this.#call = call;
    this.#done = done;
    this.#parts = parts;
    this.#startedAtMs = parts.clock.monotonic();
    this.#ticket = call.endpoint!.begin(this.#startedAtMs, call.plan.kind === "unary");
    call.attempts++;
    // What an attempt has had before it failed is no part of the answer to the next one.
    call.messagesSent = 0;
    call.messagesReceived = 0;
  }

  start(): void {
    const { plan, headers, deadlineAtMs, request } = this.#call;
    const body = request instanceof Uint8Array ? request : undefined;
    const connection = this.#parts.cluster.connectionOf(this.#call.endpoint!);
    this.#attempt = connection.attempt(
      {
        path: plan.path,
        headers,
        timeoutMs: deadlineAtMs === undefined ? undefined : deadlineAtMs - this.#startedAtMs,
        body,
        maxMessageBytes: this.#parts.maxMessageBytes,
      },
      this,
    );
    // Not a literal assigned to the property: V8 would make it an old object at once, and all that it reaches, the
    // whole call, would follow at the next scavenge instead of dying there.
    const onAbort = (outcome: CallOutcome) => {
      this.#attempt?.cancel();
      this.end(outcome);
    };
    this.#call.onAbort = onAbort;
    if (body) this.#call.messagesSent = 1;
    else {
      this.#source = (request as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
      void this.#sendAll(this.#source, this.#attempt);
    }
  }

  header(header: Outcome["header"]): void {
    if (!this.#call.sink) return;
    this.#answeredAtMs = this.#parts.clock.monotonic();
    this.#call.sink.header(header, this.#attempt!);
  }

  message(bytes: Uint8Array): void {
    this.#call.messagesReceived++;
    if (!this.#call.sink) return;
    this.#call.answered = true;
    this.#call.sink.message(bytes);
  }

  end(heard: CallOutcome): void {
    this.#attempt = undefined;
    this.#call.onAbort = undefined;
    // Nobody reads on; what its source makes of that is its own affair.
    this.#source?.return?.().catch(() => {});
    const nowMs = this.#parts.clock.monotonic();
    const outcome = this.#isLate(heard, nowMs) ? { ...heard, code: Code.DeadlineExceeded } : heard;
    const elapsedMs = (this.#answeredAtMs ?? nowMs) - this.#startedAtMs;
    const endpoint = this.#call.endpoint!;
    endpoint.end(this.#verdict(outcome), elapsedMs, nowMs, this.#ticket);
    endpoint.load.hear(outcome.trailer, nowMs);
    this.#done(outcome);
  }

  /** A peer keeps the deadline as well, and may reset the stream a moment before the timer here fires. */
  #isLate({ code, trailer }: CallOutcome, nowMs: number): boolean {
    const { deadlineAtMs } = this.#call;
    const isReset = code === Code.Unavailable && trailer["grpc-status"] === undefined;
    return isReset && deadlineAtMs !== undefined && nowMs >= deadlineAtMs;
  }

  #verdict(outcome: CallOutcome) {
    if (outcome.isBeaten) return "slow";
    if (!outcome.blame) return "neutral";
    // A stream that was answered and ran until its deadline did what it was asked to.
    if (outcome.code === Code.DeadlineExceeded && this.#answeredAtMs !== undefined) return "success";
    return verdictOf(outcome.code);
  }

  async #sendAll(source: AsyncIterator<Uint8Array>, attempt: Attempt): Promise<void> {
    try {
      for (;;) {
        const next = await source.next();
        if (this.#attempt !== attempt) return;
        if (next.done) break;
        this.#call.messagesSent++;
        if (!attempt.write(next.value)) await attempt.drained();
      }
      attempt.finish();
    } catch (error) {
      const text = `the request stream failed: ${error instanceof Error ? error.message : String(error)}`;
      abort(this.#call, verdictOfMesh(Code.Canceled, text, { reached: true }));
    }
  }
}
