import http from "node:http";
import http2 from "node:http2";
import net, { type Socket } from "node:net";
import tls from "node:tls";
import { boundPatience, type Http2Patience, type TakesStream } from "./http2-patience.ts";
import { SecuredHttp2Response, SecuredResponse } from "./secured-response.ts";
import { cutStalled } from "./stalls.ts";

export type NodeRequest = http.IncomingMessage | http2.Http2ServerRequest;
export type NodeResponse = http.ServerResponse | http2.Http2ServerResponse;
export type NodeHandler = (request: NodeRequest, response: NodeResponse) => void;

export interface Front {
  readonly port: number;
  /** How many connections are open. */
  readonly connections: number;
  /** Takes no new connections, tells the open ones to go, and waits for what is in flight. */
  drain(): Promise<void>;
  /** Cuts what is left. */
  close(): void;
}

/** For either HTTP, but for what names one: a connection must also say within `headersTimeoutMs` which it speaks. */
export interface FrontLimits extends Http2Patience {
  /** An HTTP/1.1 connection without a request for so long is closed. */
  readonly keepAliveTimeoutMs: number;
  /** Of one request: names, values and what HTTP counts with them. */
  readonly maxHeaderBytes: number;
  readonly maxStreamsPerConnection: number;
  /** How many streams a client may cancel at once, and how many a second in the long run. */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
}

export const defaultLimits: FrontLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  writeTimeoutMs: 30_000,
  idleTimeoutMs: 600_000,
  keepAliveTimeoutMs: 60_000,
  maxHeaderBytes: 16_384,
  maxStreamsPerConnection: 200,
  resetBurst: 500,
  resetsPerSecond: 50,
};

/** A certificate and its key, in PEM. */
export interface TlsIdentity {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

export interface FrontOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** With it the front speaks TLS, and HTTP/2 with clients that offer it. */
  readonly tls?: TlsIdentity | undefined;
  readonly limits?: FrontLimits;
  /** Whether clients send a stream of messages to a path: see {@link boundPatience}. Default: to none. */
  readonly takesStream?: TakesStream;
}

/** The first bytes of an HTTP/2 connection (RFC 9113, 3.4). */
const HTTP2_PREFACE = "PRI * HTTP/2.0";

/**
 * Listens on one port for HTTP/1.1 and HTTP/2. Without TLS the first bytes of a connection say which
 * it speaks, with TLS its handshake does.
 * Rejects where the port is taken, or the certificate cannot be used.
 */
export async function openFront(handle: NodeHandler, options: FrontOptions): Promise<Front> {
  const { limits = defaultLimits, takesStream = () => false } = options;
  let draining = false;
  const handler: NodeHandler = (request, response) => {
    // Who reads a body stops listening when it has what it wants. An error that comes after that, with nobody
    // left to hear it, would end the process.
    request.on("error", ignore);
    response.on("error", ignore);
    // HTTP/2 has GOAWAY for it.
    if (draining && request.httpVersionMajor === 1) response.setHeader("connection", "close");
    handle(request, response);
  };
  const http1 = http.createServer(
    {
      ServerResponse: SecuredResponse,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      maxHeaderSize: limits.maxHeaderBytes,
      connectionsCheckingInterval: Math.ceil(limits.headersTimeoutMs / 10),
    },
    handler,
  );
  // An HTTP server tracks its connections, and thus enforces its timeouts, from when it listens.
  // This one never does, it is handed its connections: tell it that it may begin.
  http1.emit("listening");
  const h2 = http2.createServer(
    {
      Http2ServerResponse: SecuredHttp2Response,
      settings: {
        maxConcurrentStreams: limits.maxStreamsPerConnection,
        maxHeaderListSize: limits.maxHeaderBytes,
      },
      maxSessionMemory: 10,
      streamResetBurst: limits.resetBurst,
      streamResetRate: limits.resetsPerSecond,
    },
    handler,
  );
  const sockets = new Set<Socket>();
  const sessions = new Set<http2.ServerHttp2Session>();
  for (const server of [http1, h2]) server.on("clientError", refuse);
  const openSession = (socket: Socket): void => {
    // A session does not end because its client said that it has: it would be kept until it is idle.
    socket.allowHalfOpen = false;
    h2.once("session", (session) => {
      sessions.add(session);
      session.on("error", () => session.destroy());
      boundPatience(session, socket, limits, takesStream);
      session.once("close", () => sessions.delete(session));
    });
    h2.emit("connection", socket);
  };

  const listener = listenerOf(options, limits.headersTimeoutMs, (socket, speaksHttp2) => {
    if (speaksHttp2) openSession(socket);
    else http1.emit("connection", socket);
  });
  listener.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  });
  await listen(listener, options);
  const stopCutting = cutStalled(sockets, limits.writeTimeoutMs);

  return {
    port: (listener.address() as net.AddressInfo).port,
    get connections() {
      return sockets.size;
    },
    async drain() {
      draining = true;
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      for (const session of sessions) session.close();
      // Connections that become idle later are closed as soon as they are.
      http1.closeIdleConnections();
      const idle = setInterval(() => http1.closeIdleConnections(), 100);
      await closed;
      clearInterval(idle);
      stopCutting();
    },
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** What an error means is told by `close`. */
function ignore(): void {}

type OnSpeaks = (socket: Socket, speaksHttp2: boolean) => void;

function listenerOf(options: FrontOptions, timeoutMs: number, onSpeaks: OnSpeaks): net.Server {
  if (!options.tls) {
    return net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) =>
      sniff(socket, timeoutMs, (http2) => onSpeaks(socket, http2)),
    );
  }
  const { cert, key } = options.tls;
  const server = tls.createServer(
    { cert, key, noDelay: true, ALPNProtocols: ["h2", "http/1.1"], handshakeTimeout: timeoutMs },
    (socket) => {
      socket.on("error", () => socket.destroy());
      onSpeaks(socket, socket.alpnProtocol === "h2");
    },
  );
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return server;
}

function listen(server: net.Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Waits until the first bytes tell the protocol, and puts them back. */
function sniff(socket: Socket, timeoutMs: number, decide: (speaksHttp2: boolean) => void): void {
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  const onEnd = () => socket.destroy();
  socket.once("end", onEnd);
  socket.once("close", () => clearTimeout(timer));
  let head: Buffer = Buffer.alloc(0);
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    head = Buffer.concat([head, chunk]);
    const seen = head.subarray(0, HTTP2_PREFACE.length).toString("latin1");
    // Too few bytes to tell: the rest arrives with the next event.
    if (seen.length < HTTP2_PREFACE.length && HTTP2_PREFACE.startsWith(seen)) return;
    socket.off("readable", onReadable).off("end", onEnd);
    clearTimeout(timer);
    socket.unshift(head);
    decide(seen === HTTP2_PREFACE);
  };
  socket.on("readable", onReadable);
}

/** Answers what cannot be read, or did not come in time. */
function refuse({ code = "" }: NodeJS.ErrnoException, socket: Socket): void {
  const status = REFUSALS[code] ?? "400 Bad Request";
  if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  else socket.destroy();
}

const REFUSALS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "413 Payload Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};
