import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import type { Clock } from "../core/clock.js";
import { openPort } from "../openPort.js";
import type { AdminHandler } from "./handler.js";

/** The first byte of a TLS record that carries a handshake. */
const TLS_HANDSHAKE = 0x16;
const LARGEST_HEADER = 131_072;
/** How long a connection may take to a request, from its beginning or the last answer, and a request to its answer. */
const REQUEST_MS = 30_000;
/** Clients open one for every few requests; more than this is no client. */
const MOST_CONNECTIONS = 500;
/** How long requests under way may take when the server closes. */
const CLOSE_GRACE_MS = 500;

export interface AdminListenOptions {
  /** A loopback address. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Private key and certificate chain as PEM; without it the port takes http only. */
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer };
  /** Takes http as well. */
  readonly plainText: boolean;
}

/** A port for administration: https and http on the same one, told apart by the first byte. */
export class AdminServer {
  readonly #options: AdminListenOptions;
  readonly #clock: Clock;
  /** By the stream that its requests come on: its socket, or the TLS inside it. */
  readonly #byStream = new WeakMap<Socket, Connection>();
  readonly #server: Server;
  readonly #http: HttpServer;
  readonly #secureContext: SecureContext | undefined;
  readonly #connections = new Set<Connection>();

  constructor(options: AdminListenOptions, clock: Clock, handler: AdminHandler) {
    this.#options = options;
    this.#clock = clock;
    this.#secureContext =
      options.tls === undefined
        ? undefined
        : createSecureContext({ key: options.tls.key, cert: options.tls.cert, minVersion: "TLSv1.2" });
    this.#http = createHttpServer({ maxHeaderSize: LARGEST_HEADER }, (request, response) => {
      const connection = this.#byStream.get(request.socket);
      connection?.restart(true);
      response.once("close", () => connection?.restart(false));
      void handler.handle(request, response, request.socket instanceof TLSSocket ? "https" : "http");
    });
    this.#http.on("clientError", (_error, stream) => {
      if (stream.writable) {
        stream.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
      } else {
        stream.destroy();
      }
    });
    this.#server = createServer((socket) => this.#arrive(socket));
    this.#server.maxConnections = MOST_CONNECTIONS;
  }

  /** Starts to listen. */
  open(): Promise<{ host: string; port: number }> {
    return openPort(this.#server, this.#options.host, this.#options.port);
  }

  /** Stops listening; idle connections end at once, the others within half a second. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    const end = (which: (connection: Connection) => boolean): void => {
      for (const connection of this.#connections) {
        if (which(connection)) {
          connection.socket.destroy();
        }
      }
    };
    end(({ busy }) => !busy);
    const timer = setTimeout(() => end(() => true), CLOSE_GRACE_MS);
    await closed;
    clearTimeout(timer);
  }

  #arrive(socket: Socket): void {
    const connection = new Connection(socket, this.#clock);
    this.#connections.add(connection);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      connection.end();
      this.#connections.delete(connection);
    });
    socket.once("data", (chunk: Buffer) => {
      socket.pause();
      socket.unshift(chunk);
      this.#enter(connection, chunk[0] === TLS_HANDSHAKE);
    });
  }

  #enter(connection: Connection, secure: boolean): void {
    const { socket } = connection;
    if (secure && this.#secureContext !== undefined) {
      const stream = new TLSSocket(socket, { isServer: true, secureContext: this.#secureContext });
      // A client that does not trust the certificate, or speaks something else after all.
      stream.on("_tlsError", () => stream.destroy());
      stream.on("error", () => stream.destroy());
      this.#byStream.set(stream, connection);
      this.#http.emit("connection", stream);
    } else if (!secure && this.#options.plainText) {
      this.#byStream.set(socket, connection);
      this.#http.emit("connection", socket);
      socket.resume();
    } else {
      socket.destroy();
    }
  }
}

/** One connection and its limit in time: an HTTP server that does not listen itself keeps no such limits. */
class Connection {
  readonly socket: Socket;
  /** It has a request that is not answered yet. */
  busy = false;
  readonly #clock: Clock;
  #cancel: () => void;

  constructor(socket: Socket, clock: Clock) {
    this.socket = socket;
    this.#clock = clock;
    this.#cancel = this.#limit();
  }

  /** A request began, or was answered. */
  restart(busy: boolean): void {
    this.busy = busy;
    this.#cancel();
    if (!this.socket.destroyed) {
      this.#cancel = this.#limit();
    }
  }

  end(): void {
    this.#cancel();
  }

  #limit(): () => void {
    return this.#clock.after(REQUEST_MS, () => this.socket.destroy());
  }
}
