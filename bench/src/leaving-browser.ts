import http from "node:http";
import http2 from "node:http2";
import type { Readable } from "node:stream";

/** A call that a browser has under way. */
export interface LeavingCall {
  /** Resolves when the request was handed to the kernel, or when the call is over. */
  readonly sent: Promise<void>;
  /** Resolves with the first byte of the answer's body, or when the call is over. */
  readonly answered: Promise<void>;
  /** As a browser does whose page was left. */
  leave(): void;
}

export interface CallRequest {
  readonly path: string;
  readonly type: string;
  readonly body: Uint8Array;
  /** Whether the answer is read; one that is not stays where it is. */
  readonly reads: boolean;
}

/** One browser: over HTTP/1.1 each call has a connection of its own, over HTTP/2 all share one. */
export interface Browser {
  call(request: CallRequest): LeavingCall;
  close(): void;
}

export type BrowserKind = "http1" | "http2";

export function openBrowser(kind: BrowserKind, port: number): Browser {
  return kind === "http1" ? http1Browser(port) : http2Browser(port);
}

function http1Browser(port: number): Browser {
  return {
    call({ path, type, body, reads }) {
      const headers = { "content-type": type, "content-length": body.length };
      const request = http.request({ port, path, method: "POST", headers, agent: false });
      const answered = new Promise<void>((resolve) => {
        request.once("response", (answer) => {
          answer.on("error", ignore);
          if (reads) listen(answer, resolve);
        });
        request.once("close", resolve);
      });
      request.on("error", ignore);
      return { sent: send(request, body), answered, leave: () => request.destroy() };
    },
    close() {},
  };
}

function http2Browser(port: number): Browser {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on("error", ignore);
  return {
    call({ path, type, body, reads }) {
      const stream = session.request({ ":method": "POST", ":path": path, "content-type": type });
      stream.on("error", ignore);
      const answered = new Promise<void>((resolve) => {
        if (reads) listen(stream, resolve);
        stream.once("close", resolve);
      });
      const leave = () => stream.close(http2.constants.NGHTTP2_CANCEL);
      return { sent: send(stream, body), answered, leave };
    },
    close: () => session.destroy(),
  };
}

/** Whatever it is, the call is over then: `close` tells. */
function ignore(): void {}

function listen(answer: Readable, onFirst: () => void): void {
  answer.once("data", onFirst).resume();
}

function send(request: http.ClientRequest | http2.ClientHttp2Stream, body: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    request.once("close", resolve);
    request.end(body, () => resolve());
  });
}
