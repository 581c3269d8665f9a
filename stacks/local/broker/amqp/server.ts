import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Connection, type Container, create_container, type EventContext } from "rhea";
import type { AccessGuard } from "../core/accessGuard.js";
import type { Clock } from "../core/clock.js";
import type { Deadline } from "../core/deadlines.js";
import { BrokerError, BrokerErrorCode } from "../core/errors.js";
import type { Namespace } from "../core/namespace.js";
import { CHANNEL_MAX } from "./bounds.js";
import { Door, type TlsIdentity } from "./doors.js";
import type { Faults } from "./faults.js";
import { LockTokens } from "./lockTokens.js";
import { Peer, type Service } from "./peer.js";
import { mechanisms } from "./sasl.js";
import { Wire } from "./wire.js";

/** The largest frame that is taken; also what Azure announces. */
const FRAME_SIZE = 65_536;
/** Messages a client may send ahead on one link. */
const PRODUCER_CREDIT = 1_000;
/** Deliveries in flight to us in one session. */
const SESSION_BUFFER = 65_536;
/** A peer that says nothing for twice as long is taken for gone. */
export const IDLE_TIMEOUT_MS = 60_000;
/** What a namespace of the service takes. */
export const MOST_CONNECTIONS = 5_000;
/** Connections beyond the most there may be that are told so at one time; any further are cut without a word. */
const MOST_REFUSED = 200;
/** How long a connection may take for SASL and its open. */
const OPEN_MS = 20_000;
/** How often it is looked for links and connections that are idle. */
const LOOK_FOR_IDLE_MS = 15_000;
/** Quiet on a link after which it is detached; the service's figure. */
export const LINK_IDLE_MS = 600_000;
/** How long connections may take to say goodbye when the server closes. */
const CLOSE_GRACE_MS = 500;

export interface ServerOptions {
  readonly namespace: Namespace;
  readonly maxMessageBytes: number;
  readonly guard: AccessGuard;
  readonly faults: Faults;
  readonly clock: Clock;
  /** Connections at one time. */
  readonly maxConnections: number;
  /** Milliseconds of silence that are announced; a peer that is silent for twice as long is dropped. */
  readonly idleTimeoutMs: number;
  /** Milliseconds without anything on a link after which it is detached. */
  readonly linkIdleMs: number;
  /** Brings all that has happened to the disk; called before anybody is told of it. */
  readonly commit?: (() => void) | undefined;
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most)) {
    throw new BrokerError(
      BrokerErrorCode.InvalidArgument,
      `${name} = ${value}: must be ${most === Number.POSITIVE_INFINITY ? `${least} or more` : `${least} to ${most}`}.`,
    );
  }
}

/** Listens for AMQP connections and brings their links to the engine. */
export class AmqpServer implements Deadline {
  deadlineAt = 0;
  deadlineSlot = -1;
  readonly #service: Service;
  readonly #container: Container;
  readonly #options: ServerOptions;
  readonly #doors: Door[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #peers = new Map<Connection, Peer>();
  readonly #wires = new Map<Connection, Wire>();

  constructor(options: ServerOptions) {
    checkRange("maxConnections", options.maxConnections, 1, 20_000);
    checkRange("idleTimeoutMs", options.idleTimeoutMs, 100, 600_000);
    checkRange("linkIdleMs", options.linkIdleMs, 1_000, Number.POSITIVE_INFINITY);
    this.#options = options;
    this.#service = { ...options, tokens: new LockTokens() };
    this.#container = create_container({
      id: "stowage-broker",
      max_frame_size: FRAME_SIZE,
      session_buffer_size: SESSION_BUFFER,
      idle_time_out: options.idleTimeoutMs,
      receiver_options: { credit_window: PRODUCER_CREDIT, autoaccept: false, autosettle: false },
      sender_options: { autosettle: false },
    });
    this.#listen();
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Listens on one more port; port 0 takes any that is free. */
  async start(options: {
    readonly host: string;
    readonly port: number;
    readonly tls?: TlsIdentity;
    readonly plainText: boolean;
  }): Promise<{ host: string; port: number }> {
    const door = new Door({
      ...options,
      clock: this.#options.clock,
      arrived: (socket) => this.#arrived(socket),
      entered: (stream, from) => this.#accept(stream, from),
    });
    const address = await door.open();
    this.#doors.push(door);
    return address;
  }

  /** Looks for what is idle, as long as anybody is connected. */
  due(now: number): void {
    for (const peer of this.#peers.values()) {
      peer.endIdle(this.#options.linkIdleMs);
    }
    if (this.#peers.size > 0) {
      this.#options.namespace.deadlines.set(this, now + LOOK_FOR_IDLE_MS);
    }
  }

  /** Cuts every connection, as a network would. Returns how many. */
  dropConnections(): number {
    const peers = [...this.#peers.values()];
    for (const peer of peers) {
      peer.drop();
    }
    return peers.length;
  }

  /** Leaves connections half open: all of them, or those with a link at an entity. Returns how many. */
  freeze(entity: string | undefined): number {
    let frozen = 0;
    for (const [connection, peer] of this.#peers) {
      const wire = this.#wires.get(connection);
      if (wire?.frozen === false && (entity === undefined || peer.isAt(entity))) {
        wire.freeze(this.#options.clock);
        frozen++;
      }
    }
    return frozen;
  }

  /** Lets frozen connections go on. Returns how many. */
  thaw(): number {
    const frozen = [...this.#wires.values()].filter((wire) => wire.frozen);
    for (const wire of frozen) {
      wire.thaw();
    }
    return frozen.length;
  }

  /** Lets whatever is said on the connections there are leave that much later. */
  delay(milliseconds: number): void {
    for (const wire of this.#wires.values()) {
      wire.delay(this.#options.clock, milliseconds);
    }
  }

  /** Stops listening and ends every connection, within a bound. */
  async stop(): Promise<void> {
    const closed = Promise.all(this.#doors.map((door) => door.close()));
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

  #arrived(socket: Socket): boolean {
    if (this.#sockets.size >= this.#options.maxConnections + MOST_REFUSED) {
      return false;
    }
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    return true;
  }

  #accept(stream: Duplex, from: string): void {
    const wire = new Wire(stream, from, FRAME_SIZE);
    wire.beforeOutput = this.#options.commit;
    // Each connection sees the container with mechanisms of its own.
    const container: Container = Object.create(this.#container);
    container.sasl_server_mechanisms = mechanisms({
      plain: (name, key) => peer.login(name, key),
      failed: () => setImmediate(() => wire.end()),
    });
    const connection = container.create_connection({
      max_frame_size: FRAME_SIZE,
      channel_max: CHANNEL_MAX,
      idle_time_out: this.#options.idleTimeoutMs,
      session_buffer_size: SESSION_BUFFER,
      reconnect: false,
      // Asked for by the type of a connection that dials; this one is handed its socket.
      port: 0,
    });
    const peer = new Peer(connection, wire, this.#service);
    this.#limit(connection, peer, this.#peers.size >= this.#options.maxConnections);
    this.#peers.set(connection, peer);
    this.#wires.set(connection, wire);
    if (this.deadlineSlot < 0) {
      this.#options.namespace.deadlines.set(this, this.#options.clock.now() + LOOK_FOR_IDLE_MS);
    }
    this.#keepFrozen(connection, wire);
    if (this.#options.faults.delayMs > 0) {
      wire.delay(this.#options.clock, this.#options.faults.delayMs);
    }
    connection["accept"](wire);
    // Only whole frames come here. If `rhea` waits for the rest of one all the same, it took something else for a
    // frame's size (a protocol header after a SASL outcome that was no success) and would gather without end.
    wire.on("data", () => {
      if (connection["frame_size"] !== undefined) {
        peer.drop();
      }
    });
    stream.once("close", () => {
      this.#peers.delete(connection);
      this.#wires.delete(connection);
      peer.disconnected();
    });
  }

  /** A frozen connection is not ended for its silence: nobody would hear. It has all its time again once thawed. */
  #keepFrozen(connection: Connection, wire: Wire): void {
    const idle = connection["idle"].bind(connection);
    connection["idle"] = () => {
      if (wire.frozen) {
        connection["heartbeat_in"] = setTimeout(() => connection["idle"](), this.#options.idleTimeoutMs * 2);
      } else {
        idle();
      }
    };
  }

  /** Holds a connection to its times, and ends one too many once it can be told why. */
  #limit(connection: Connection, peer: Peer, tooMany: boolean): void {
    const { clock, maxConnections } = this.#options;
    const cancel = clock.after(OPEN_MS, () => peer.drop());
    connection.once("connection_open", () => {
      cancel();
      if (tooMany) {
        peer.end({
          condition: "amqp:resource-limit-exceeded",
          description: `ConnectionsQuotaExceeded: The namespace has ${maxConnections} connections, the most it takes. Close others first.`,
        });
      }
    });
    peer.onDisconnected = cancel;
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
