import type { Connection, link, Receiver, Sender, Session } from "rhea";
import { BrokerError, BrokerErrorCode, entityNotFound, sessionLockLost } from "../core/errors.js";
import type { Entity, Namespace } from "../core/namespace.js";
import type { Queue } from "../core/queue.js";
import type { SessionLock } from "../core/sessions.js";
import { answerCbs, CBS, CBS_STATUS } from "./cbs.js";
import { type AmqpCondition, asBrokerError, conditionOf } from "./conditions.js";
import { ConsumerLink } from "./consumerLink.js";
import { FramingError } from "./frameGuard.js";
import { closeWith, echoModes, type LinkHandler } from "./links.js";
import type { LockTokens } from "./lockTokens.js";
import { answerManagement, MANAGEMENT_STATUS } from "./management.js";
import { ProducerLink, RAW_FORMAT } from "./producerLink.js";
import { type IncomingDelivery, Receipts } from "./receipts.js";
import {
  type Answer,
  decodeRequest,
  encodeAnswer,
  ReplyLink,
  type Request,
  refusal,
  type StatusNames,
} from "./requests.js";
import { Transfers } from "./transfers.js";
import type { Wire } from "./wire.js";

/** What all connections of one broker share. */
export interface Service {
  readonly namespace: Namespace;
  readonly tokens: LockTokens;
  readonly maxMessageBytes: number;
}

/** Sessions of one connection, and links of all its sessions: what one peer may cost. The service takes 5,000 sessions. */
export const MOST_SESSIONS = 5_000;
const MOST_LINKS = 10_000;
/** An entity's path with a sub-queue and `/$management` behind it is shorter; a longer address names nothing. */
const LONGEST_ADDRESS = 512;
const MANAGEMENT = /^(.*)\/\$management$/i;
const NOTHING = Buffer.alloc(0);

/** What a connection is told whose bytes are no AMQP. */
function refusedInput(failure: unknown): AmqpCondition {
  return failure instanceof FramingError
    ? { condition: "amqp:connection:framing-error", description: `The connection was ended by ${failure.message}.` }
    : conditionOf(asBrokerError(failure));
}

/** The two halves of a session: what we send, and what we say of what we receive. */
interface Halves {
  readonly transfers: Transfers;
  readonly receipts: Receipts;
}

/** One connection: its sessions, its links, and what each of them is for. */
export class Peer {
  readonly #service: Service;
  readonly #wire: Wire;
  readonly #connection: Connection;
  readonly #links = new Map<link, LinkHandler>();
  readonly #replies = new Map<string, ReplyLink>();
  readonly #sessions = new Map<Session, Halves>();
  /** Bytes so far of deliveries that arrive in several frames. */
  readonly #arrived = new WeakMap<object, number>();
  /** Bytes of the delivery to which the frame at hand belongs, with it. */
  #arriving = 0;

  constructor(connection: Connection, wire: Wire, service: Service) {
    this.#service = service;
    this.#wire = wire;
    this.#connection = connection;
    wire.onDrain = () => {
      for (const { transfers } of this.#sessions.values()) {
        transfers.resume();
      }
    };
    wire.onRefused = (failure) => this.end(refusedInput(failure));
    const createSession = connection.create_session.bind(connection);
    connection.create_session = (size) => this.#adopt(createSession(size));
    // What goes wrong while frames are written must end this connection, not the process.
    const process = connection["_process"].bind(connection);
    connection["_process"] = () => {
      try {
        process();
      } catch {
        this.drop();
      }
    };
  }

  /** Cuts the connection. */
  drop(): void {
    this.#wire.destroy();
  }

  /** Says goodbye, and ends the connection once that has left, or soon. */
  end(reason: AmqpCondition): void {
    this.#connection.close(reason);
    setImmediate(() => this.#wire.end());
  }

  /** The connection is over. */
  disconnected(): void {
    this.#end([...this.#links.keys()]);
    this.#sessions.clear();
  }

  sessionClosed(session: Session): void {
    this.#end([...this.#links.keys()].filter((link) => link.session === session));
    this.#sessions.delete(session);
  }

  linkClosed(link: link): void {
    this.#end([link]);
  }

  #end(links: readonly link[]): void {
    for (const link of links) {
      const handler = this.#links.get(link);
      this.#links.delete(link);
      if (handler instanceof ReplyLink && this.#replies.get(handler.address) === handler) {
        this.#replies.delete(handler.address);
      }
      handler?.closed();
    }
  }

  // --- sessions -------------------------------------------------------------------------------------------------

  /** Puts our own sending half into a session, and lets plain messages through undecoded. */
  #adopt(session: Session): Session {
    if (this.#sessions.size >= MOST_SESSIONS) {
      // Thrown to `rhea`, which ends the connection.
      throw new FramingError(`session ${this.#sessions.size + 1}: a connection has at most ${MOST_SESSIONS}`);
    }
    const transfers = new Transfers(session, this.#wire);
    this.#sessions.set(session, { transfers, receipts: new Receipts(session, this.#wire) });
    session.outgoing = transfers;
    // Everything that comes in is settled at once; `rhea` would look up every number in whatever range is named.
    session.incoming.on_disposition = () => {};
    const onTransfer = session.on_transfer.bind(session);
    session.on_transfer = (frame) => {
      // `rhea` decodes a message of format 0 before it tells of it, and hands over any other as bytes.
      if (!frame.performative.message_format) {
        frame.performative.message_format = RAW_FORMAT;
      }
      const link = session.remote.handles[frame.performative.handle];
      const before = link?._incomplete;
      const bytes = (before === undefined ? 0 : (this.#arrived.get(before) ?? 0)) + (frame.payload?.length ?? 0);
      this.#arriving = bytes;
      onTransfer(frame);
      const after = link?._incomplete;
      if (after !== undefined) {
        this.#arrived.set(after, bytes);
        // Beyond the limit the bytes are dropped as they come; the delivery is refused once it is complete.
        if (bytes > this.#service.maxMessageBytes) {
          after.frames = [NOTHING];
        }
      }
    };
    return session;
  }

  // --- links ----------------------------------------------------------------------------------------------------

  /** A client attached to receive. */
  senderOpened(link: Sender): void {
    this.#open(link, ({ transfers }) => {
      const address = String(link.source?.address ?? "");
      if (address === CBS || MANAGEMENT.test(address)) {
        const reply = new ReplyLink(link, transfers);
        this.#replies.set(reply.address, reply);
        return reply;
      }
      const entity = this.#find(address);
      if (entity.kind === "topic") {
        throw new BrokerError(
          BrokerErrorCode.NotAllowed,
          `'${entity.path}' is a topic: receive from '${entity.path}/Subscriptions/<name>'.`,
        );
      }
      return new ConsumerLink(link, entity.queue, transfers, this.#service.tokens);
    });
  }

  /** A client attached to send. */
  receiverOpened(link: Receiver): void {
    this.#open(link, ({ receipts }) => {
      const address = String(link.target?.address ?? "");
      if (address === CBS) {
        return this.#requests(link, receipts, CBS_STATUS, (request) => answerCbs(request, this.#service.namespace));
      }
      const managed = MANAGEMENT.exec(address)?.[1];
      if (managed !== undefined) {
        this.#find(managed);
        return this.#requests(link, receipts, MANAGEMENT_STATUS, (request) =>
          answerManagement(request, {
            entity: this.#find(managed),
            tokens: this.#service.tokens,
            locks: this.#service.namespace.locks,
            maxMessageBytes: this.#service.maxMessageBytes,
            heldSession: (queue, sessionId, linkName) => this.#heldSession(queue, sessionId, linkName),
          }),
        );
      }
      const entity = this.#find(address);
      if (entity.kind === "topic") {
        return new ProducerLink(link, entity.topic, receipts, this.#service.maxMessageBytes);
      }
      if (entity.kind === "queue") {
        return new ProducerLink(link, entity.queue, receipts, this.#service.maxMessageBytes);
      }
      throw new BrokerError(
        BrokerErrorCode.NotAllowed,
        `Messages cannot be sent to '${entity.path}': send to its topic or queue.`,
      );
    });
  }

  #open(link: Sender | Receiver, make: (halves: Halves) => LinkHandler): void {
    echoModes(link);
    try {
      const halves = this.#sessions.get(link.session);
      if (halves === undefined) {
        throw new BrokerError(BrokerErrorCode.Internal, `The session of link '${link.name}' is over.`);
      }
      if (this.#links.size >= MOST_LINKS) {
        throw new BrokerError(BrokerErrorCode.QuotaExceeded, `A connection has at most ${MOST_LINKS} links.`);
      }
      this.#links.set(link, make(halves));
    } catch (error) {
      closeWith(link, asBrokerError(error));
    }
  }

  #find(address: string): Entity {
    if (address.length > LONGEST_ADDRESS) {
      throw entityNotFound(`${address.slice(0, LONGEST_ADDRESS)}…`);
    }
    const entity = this.#service.namespace.find(address);
    if (entity === undefined) {
      throw entityNotFound(address);
    }
    return entity;
  }

  #requests(link: Receiver, receipts: Receipts, names: StatusNames, answer: (request: Request) => Answer): LinkHandler {
    link.set_target({ address: link.target?.address });
    link.set_source({ address: link.source?.address });
    return {
      message: (delivery, { encoded }) => {
        receipts.accept(delivery);
        const request = decodeRequest(encoded);
        let answered: Answer;
        try {
          answered = answer(request);
        } catch (error) {
          answered = refusal(error);
        }
        this.#replies.get(request.replyTo ?? "")?.send(encodeAnswer(request, answered, names));
      },
      closed: () => {},
    };
  }

  #heldSession(queue: Queue, sessionId: string, linkName: string | undefined): SessionLock {
    for (const handler of this.#links.values()) {
      if (
        handler instanceof ConsumerLink &&
        handler.queue === queue &&
        handler.session?.session.id === sessionId &&
        handler.session.open &&
        (linkName === undefined || handler.name === linkName)
      ) {
        return handler.session;
      }
    }
    throw sessionLockLost(queue.path, sessionId);
  }

  // --- what arrives on them -------------------------------------------------------------------------------------

  flow(link: Sender): void {
    this.#links.get(link)?.flow?.();
  }

  message(link: Receiver, delivery: IncomingDelivery, encoded: Buffer, format: number): void {
    const handler = this.#links.get(link);
    try {
      handler?.message?.(delivery, { encoded, format, size: this.#arriving });
    } catch (error) {
      this.#links.delete(link);
      handler?.closed();
      closeWith(link, asBrokerError(error));
    }
  }
}
