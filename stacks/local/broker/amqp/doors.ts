import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { createWebSocketStream, WebSocketServer } from "ws";
import type { Clock } from "../core/clock.js";
import { openPort } from "../openPort.js";

/** Where the official clients ask for a WebSocket, and the sub-protocol they ask for (AMQP WebSocket Binding). */
export const WEB_SOCKET_PATH = "/$servicebus/websocket";
export const WEB_SOCKET_PROTOCOL = "AMQPWSB10";
/** Bytes of one WebSocket message: some clients gather several frames in one. */
const LARGEST_WEB_SOCKET_MESSAGE = 4 * 1_024 * 1_024;
/** Bytes of the request that asks for a WebSocket. */
const LARGEST_HTTP_HEADER = 16 * 1_024;
/** How long a connection may take to come to its first byte of AMQP. */
const ENTER_MS = 20_000;
/** The first byte of a TLS record that carries a handshake. */
const TLS_HANDSHAKE = 0x16;
/** The first letter of every HTTP request that could ask for a WebSocket. */
const HTTP_GET = 0x47;

/** A private key and its certificate chain, as PEM. */
export interface TlsIdentity {
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
}

export interface DoorOptions {
  readonly clock: Clock;
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsIdentity;
  /** Whether what does not begin with TLS is taken as well. */
  readonly plainText: boolean;
  /** Told of each connection before a byte of it was read. False turns it away without a word. */
  readonly arrived: (socket: Socket) => boolean;
  /** Given a connection whose first bytes are AMQP. */
  readonly entered: (stream: Duplex, from: string) => void;
}

/**
 * One listening port. What comes is known by its first byte: TLS, a request for a WebSocket, or AMQP; so that one port
 * serves `amqps`, `wss` and, where it is allowed, `amqp` and `ws`.
 */
export class Door {
  readonly #options: DoorOptions;
  readonly #server: Server;
  readonly #secureContext: SecureContext | undefined;
  readonly #http: HttpServer;
  readonly #webSockets: WebSocketServer;
  /** Of each stream that was handed to the HTTP part: what calls off its limit in time. */
  readonly #limits = new WeakMap<Duplex, () => void>();

  constructor(options: DoorOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#arrive(socket));
    this.#secureContext =
      options.tls === undefined
        ? undefined
        : createSecureContext({ key: options.tls.key, cert: options.tls.cert, minVersion: "TLSv1.2" });
    this.#webSockets = new WebSocketServer({
      noServer: true,
      maxPayload: LARGEST_WEB_SOCKET_MESSAGE,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(WEB_SOCKET_PROTOCOL) ? WEB_SOCKET_PROTOCOL : false),
    });
    this.#http = this.#httpServer();
  }

  /** Starts to listen; port 0 takes any that is free. */
  open(): Promise<{ host: string; port: number }> {
    return openPort(this.#server, this.#options.host, this.#options.port);
  }

  /** Stops listening; over once every connection is. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #arrive(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    if (!this.#options.arrived(socket)) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    const inTime = this.#options.clock.after(ENTER_MS, () => socket.destroy());
    socket.once("close", inTime);
    this.#firstByte(socket, (first) => {
      if (first === TLS_HANDSHAKE && this.#secureContext !== undefined) {
        const stream = new TLSSocket(socket, { isServer: true, secureContext: this.#secureContext });
        // A client that does not trust the certificate, or speaks something else after all.
        stream.on("_tlsError", () => stream.destroy());
        stream.on("error", () => stream.destroy());
        this.#firstByte(stream, (inside) => this.#enter(stream, inside, inTime));
      } else if (this.#options.plainText) {
        this.#enter(socket, first, inTime);
      } else {
        socket.destroy();
      }
    });
  }

  /** Looks at the first byte of a stream, and leaves it there. */
  #firstByte(stream: Duplex, then: (first: number) => void): void {
    stream.once("data", (chunk: Buffer) => {
      stream.pause();
      stream.unshift(chunk);
      then(chunk[0] ?? 0);
    });
  }

  #enter(stream: Socket, first: number, inTime: () => void): void {
    if (first === HTTP_GET) {
      this.#limits.set(stream, inTime);
      this.#http.emit("connection", stream);
    } else {
      inTime();
      this.#options.entered(stream, nameOf(stream));
    }
    stream.resume();
  }

  #httpServer(): HttpServer {
    const server = createHttpServer({ maxHeaderSize: LARGEST_HTTP_HEADER }, (_request, response) => {
      response.writeHead(426, { "content-type": "text/plain", upgrade: "websocket", connection: "close" });
      response.end(`Ask for a WebSocket at ${WEB_SOCKET_PATH} with the sub-protocol ${WEB_SOCKET_PROTOCOL}.\n`);
    });
    server.on("upgrade", (request, stream, head) => this.#upgrade(request, stream, head));
    server.on("clientError", (_error, stream) => stream.destroy());
    return server;
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const path = (request.url ?? "").split("?")[0]?.replace(/\/+$/, "").toLowerCase();
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
    if (path !== WEB_SOCKET_PATH || !offered.includes(WEB_SOCKET_PROTOCOL)) {
      const status = path === WEB_SOCKET_PATH ? "400 Bad Request" : "404 Not Found";
      stream.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    this.#webSockets.handleUpgrade(request, request.socket, head, (webSocket) => {
      this.#limits.get(request.socket)?.();
      this.#options.entered(createWebSocketStream(webSocket), nameOf(request.socket));
    });
  }
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}
