import { createServer, type Server, type Socket } from "node:net";
import { type Connection, type Container, create_container, type EventContext } from "rhea";
import type { Namespace } from "../core/namespace.js";
import { LockTokens } from "./lockTokens.js";
import { Peer, type Service } from "./peer.js";
import { Wire } from "./wire.js";

/** The largest frame that is taken; also what Azure announces. */
const FRAME_SIZE = 65_536;
/** Messages a client may send ahead on one link. */
const PRODUCER_CREDIT = 1_000;
/** Deliveries in flight to us in one session. */
const SESSION_BUFFER = 65_536;
/** A peer that says nothing for twice as long is taken for gone. */
const IDLE_TIME_OUT_MS = 60_000;
/** What a namespace of the service takes. */
const MOST_CONNECTIONS = 5_000;
/** How long connections may take to say goodbye when the server closes. */
const CLOSE_GRACE_MS = 500;

export interface ServerOptions {
  readonly namespace: Namespace;
  readonly maxMessageBytes: number;
}

/** Listens for AMQP connections and brings their links to the engine. */
export class AmqpServer {
  readonly #service: Service;
  readonly #container: Container;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #peers = new Map<Connection, Peer>();

  constructor(options: ServerOptions) {
    this.#service = { ...options, tokens: new LockTokens() };
    this.#container = create_container({
      id: "stowage-broker",
      max_frame_size: FRAME_SIZE,
      session_buffer_size: SESSION_BUFFER,
      idle_time_out: IDLE_TIME_OUT_MS,
      receiver_options: { credit_window: PRODUCER_CREDIT, autoaccept: false, autosettle: false },
      sender_options: { autosettle: false },
    });
    this.#listen();
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = MOST_CONNECTIONS;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Starts to listen; port 0 takes any that is free. */
  start(host: string, port: number): Promise<{ host: string; port: number }> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject);
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? { host, port: address.port } : { host, port });
      });
    });
  }

  /** Cuts every connection, as a network would. Returns how many. */
  dropConnections(): number {
    const peers = [...this.#peers.values()];
    for (const peer of peers) {
      peer.drop();
    }
    return peers.length;
  }

  /** Stops listening and ends every connection, within a bound. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const peer of this.#peers.values()) {
      peer.end({ condition: "amqp:connection:forced", description: "The broker is closing." });
    }
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) {
        socket.destroy();
      }
    }, CLOSE_GRACE_MS);
    await closed;
    clearTimeout(timer);
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const wire = new Wire(socket, FRAME_SIZE);
    const connection = this.#container.create_connection({
      max_frame_size: FRAME_SIZE,
      idle_time_out: IDLE_TIME_OUT_MS,
      session_buffer_size: SESSION_BUFFER,
      reconnect: false,
      // Asked for by the type of a connection that dials; this one is handed its socket.
      port: 0,
    });
    const peer = new Peer(connection, wire, this.#service);
    this.#peers.set(connection, peer);
    connection["accept"](wire);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#peers.delete(connection);
      peer.disconnected();
    });
  }

  #listen(): void {
    const on = (event: string, run: (peer: Peer, context: EventContext) => void): void => {
      this.#container.on(event, (context: EventContext) => {
        const peer = this.#peers.get(context.connection);
        if (peer !== undefined) {
          run(peer, context);
        }
      });
    };
    on("sender_open", (peer, { sender }) => sender !== undefined && peer.senderOpened(sender));
    on("receiver_open", (peer, { receiver }) => receiver !== undefined && peer.receiverOpened(receiver));
    on("sender_flow", (peer, { sender }) => sender !== undefined && peer.flow(sender));
    on("message", (peer, { receiver, delivery, message }) => {
      if (receiver !== undefined && delivery !== undefined && Buffer.isBuffer(message)) {
        peer.message(receiver, delivery, message, delivery.format);
      }
    });
    on("sender_close", (peer, { sender }) => sender !== undefined && peer.linkClosed(sender));
    on("receiver_close", (peer, { receiver }) => receiver !== undefined && peer.linkClosed(receiver));
    on("session_close", (peer, { session }) => session !== undefined && peer.sessionClosed(session));
    on("disconnected", (peer) => peer.disconnected());
    // Errors of a peer end its link, session or connection, and each of these is followed by its closing. Without a
    // listener `rhea` would print or throw them.
    for (const event of ["sender_error", "receiver_error", "session_error", "connection_error", "connection_close"]) {
      this.#container.on(event, () => {});
    }
    for (const event of ["protocol_error", "error", "settled"]) {
      this.#container.on(event, () => {});
    }
  }
}
