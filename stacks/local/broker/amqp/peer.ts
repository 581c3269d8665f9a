import type { Connection, link, Receiver, Sender, Session } from "rhea";
import { AccessRight } from "../core/access.js";
import type { AccessGuard } from "../core/accessGuard.js";
import type { Clock } from "../core/clock.js";
import { BrokerError, BrokerErrorCode, entityNotFound, sessionLockLost } from "../core/errors.js";
import type { Entity, Namespace } from "../core/namespace.js";
import type { Queue } from "../core/queue.js";
import type { SessionLock } from "../core/sessions.js";
import { boundChannels, boundHandles } from "./bounds.js";
import { CBS, CBS_STATUS, TokenQueue } from "./cbs.js";
import { type AmqpCondition, asBrokerError, conditionOf } from "./conditions.js";
import { ANY_RIGHT, ConnectionAccess, rightOf } from "./connectionAccess.js";
import { ConsumerLink } from "./consumerLink.js";
import { BusyAt, type Faults } from "./faults.js";
import { FramingError } from "./frameGuard.js";
import { type Attempt, LinkGate, LONGEST_ADDRESS } from "./linkGate.js";
import { type Arrived, closeWith, echoModes, type LinkHandler, nodeOf } from "./links.js";
import type { LockTokens } from "./lockTokens.js";
import { answerManagement, MANAGEMENT_STATUS } from "./management.js";
import { targetIn } from "./managementFields.js";
import { ProducerLink, RAW_FORMAT } from "./producerLink.js";
import { type IncomingDelivery, Receipts } from "./receipts.js";
import { RequestLinks } from "./requestLinks.js";
import { sendTargetOf } from "./sendTargets.js";
import { watchConnection, watchSession } from "./strictness.js";
import { ConnectionTransactions, CoordinatorLink, Coordinators, topEntityOf } from "./transactions.js";
import { Transfers } from "./transfers.js";
import type { Wire } from "./wire.js";

/** What all connections of one broker share. */
export interface Service {
  readonly namespace: Namespace;
  readonly tokens: LockTokens;
  readonly maxMessageBytes: number;
  readonly guard: AccessGuard;
  readonly clock: Clock;
  readonly faults: Faults;
}

/** Sessions of one connection, and links of all its sessions: what one peer may cost. The service takes 5,000 sessions. */
export const MOST_SESSIONS = 5_000;
const MOST_LINKS = 10_000;
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
  readonly coordinators: Coordinators;
}

/** One connection: its sessions, its links, and what each of them is for. */
export class Peer {
  readonly #service: Service;
  readonly #wire: Wire;
  readonly #connection: Connection;
  readonly #links = new Map<link, LinkHandler>();
  readonly #requests = new RequestLinks();
  readonly #sessions = new Map<Session, Halves>();
  #onDisconnected: (() => void) | undefined;
  readonly #access: ConnectionAccess;
  readonly #gate: LinkGate;
  readonly #tokens: TokenQueue;
  readonly #transactions: ConnectionTransactions;
  /** Bytes so far of deliveries that arrive in several frames. */
  readonly #arrived = new WeakMap<object, number>();
  /** Bytes of the delivery to which the frame at hand belongs, with it. */
  #arriving = 0;

  constructor(connection: Connection, wire: Wire, service: Service) {
    this.#service = service;
    this.#transactions = new ConnectionTransactions(service.namespace);
    this.#wire = wire;
    this.#connection = connection;
    this.#access = new ConnectionAccess(
      service.guard,
      service.namespace.deadlines,
      () => connection.hostname ?? "localhost",
    );
    this.#gate = new LinkGate(this.#access, service);
    this.#tokens = new TokenQueue({ guard: service.guard, access: this.#access, namespace: service.namespace });
    wire.onDrain = () => {
      for (const { transfers } of this.#sessions.values()) {
        transfers.resume();
      }
    };
    wire.onRefused = (failure) => this.end(refusedInput(failure));
    watchConnection(
      connection,
      (reason) => this.end(reason),
      () => wire.opened(),
    );
    boundChannels(connection, (reason) => this.end(reason));
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

  /** Takes the name and key of a shared access policy, as SASL PLAIN brings them; false if they are wrong. */
  login(name: string, key: string): boolean {
    const { guard } = this.#service;
    const principal = guard.login(name, key);
    const scope = principal?.sharedAccess?.scope ?? "";
    if (principal !== undefined) {
      this.#access.grant(scope, principal);
    }
    guard.log({
      action: "put-token",
      outcome: principal === undefined ? "refused" : "allowed",
      who: name,
      entity: scope,
      ...(principal === undefined
        ? { reason: "No shared access policy has this name and key, or none is taken." }
        : {}),
    });
    return principal !== undefined;
  }

  /** Ends links on which nothing has happened for `linkIdleMs`, and the connection if it has had none for long. */
  endIdle(linkIdleMs: number): void {
    this.#gate.endIdle(linkIdleMs);
    const allowed = this.#gate.emptyTooLong;
    if (allowed !== undefined) {
      this.end({
        condition: "amqp:connection:forced",
        description: `The connection was closed by container 'stowage-broker' because it did not have any active links in the past ${allowed} milliseconds. ${this.#service.guard.trail()}`,
      });
    }
  }

  /** Told when the connection is over. */
  set onDisconnected(run: () => void) {
    this.#onDisconnected = run;
  }

  /** The connection is over. */
  disconnected(): void {
    this.#onDisconnected?.();
    this.#end([...this.#links.keys()]);
    this.#sessions.clear();
    this.#tokens.close();
    this.#access.close();
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
      this.#gate.left(link);
      this.#requests.closed(handler);
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
    const transfers = new Transfers(session, this.#wire, this.#service);
    const coordinators = new Coordinators(session);
    this.#sessions.set(session, { transfers, receipts: new Receipts(session, this.#wire), coordinators });
    session.outgoing = transfers;
    watchSession(session, (reason) => this.end(reason));
    boundHandles(session, (reason) => this.end(reason));
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
        const limit = link === undefined ? undefined : this.#links.get(link)?.maxMessageBytes;
        if (bytes > (limit ?? this.#service.maxMessageBytes)) {
          after.frames = [NOTHING];
        }
      }
    };
    return session;
  }

  // --- links ----------------------------------------------------------------------------------------------------

  /** A client attached to receive. */
  senderOpened(link: Sender): void {
    this.#open(link, ({ transfers }, { may }) => {
      const address = nodeOf(link.source?.address);
      const managed = MANAGEMENT.test(address);
      if (address !== CBS) {
        may(address, managed ? ANY_RIGHT : [AccessRight.Listen]);
      }
      if (address === CBS || managed) {
        return this.#requests.reply(link, transfers);
      }
      const entity = this.#find(address);
      if (entity.kind === "topic") {
        throw new BrokerError(
          BrokerErrorCode.NotAllowed,
          `'${entity.path}' is a topic: receive from '${entity.path}/Subscriptions/<name>'.`,
        );
      }
      const { tokens } = this.#service;
      return new ConsumerLink(link, entity.queue, transfers, { tokens, transactions: this.#transactions });
    });
  }

  /** A client attached to send. */
  receiverOpened(link: Receiver): void {
    this.#open(link, ({ receipts, coordinators }, { may, also }) => {
      if (coordinators.take(link)) {
        may(undefined, ANY_RIGHT);
        return new CoordinatorLink(link, receipts, this.#transactions);
      }
      const address = nodeOf(link.target?.address);
      if (address === CBS) {
        return this.#requests.taken(link, receipts, { names: CBS_STATUS }, (request, reply) =>
          this.#tokens.answer(request, reply),
        );
      }
      const managed = MANAGEMENT.exec(address)?.[1];
      may(address, managed === undefined ? [AccessRight.Send] : ANY_RIGHT);
      if (managed !== undefined) {
        const { rules } = targetIn(this.#find(managed));
        const limit = rules.maxMessageBytes ?? this.#service.maxMessageBytes;
        return this.#requests.answered(link, receipts, { names: MANAGEMENT_STATUS, largest: limit }, (request) => {
          this.#gate.requireManagement(managed, rightOf(request.operation));
          return answerManagement(request, {
            entity: this.#find(managed),
            namespace: this.#service.namespace,
            tokens: this.#service.tokens,
            locks: this.#service.namespace.locks,
            maxMessageBytes: this.#service.maxMessageBytes,
            enlist: (id) => this.#transactions.enlist(id, topEntityOf(managed), link.session),
            heldSession: (queue, sessionId, linkName) => this.#heldSession(queue, sessionId, linkName),
          });
        });
      }
      const entity = this.#find(address);
      const target = sendTargetOf(link, entity, (destination) => {
        also(destination, [AccessRight.Send]);
        return this.#find(destination);
      });
      const { maxMessageBytes } = this.#service;
      return new ProducerLink(link, target, receipts, { maxMessageBytes, transactions: this.#transactions });
    });
  }

  /** @param make is given what asks whether the peer may do something at an address; it throws where it may not. */
  #open(link: Sender | Receiver, make: (halves: Halves, attempt: Attempt) => LinkHandler): void {
    echoModes(link);
    const attempt = this.#gate.attempt(link);
    try {
      const halves = this.#sessions.get(link.session);
      if (halves === undefined) {
        throw new BrokerError(BrokerErrorCode.Internal, `The session of link '${link.name}' is over.`);
      }
      if (this.#links.size >= MOST_LINKS) {
        throw new BrokerError(BrokerErrorCode.QuotaExceeded, `A connection has at most ${MOST_LINKS} links.`);
      }
      const handler = make(halves, attempt);
      this.#links.set(link, handler);
      attempt.succeeded(handler);
    } catch (error) {
      const refused = asBrokerError(error);
      attempt.failed(refused);
      closeWith(link, refused);
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
    const handler = this.#links.get(link);
    if (handler !== undefined) {
      handler.active = true;
      handler.flow?.();
    }
  }

  message(link: Receiver, delivery: IncomingDelivery, encoded: Buffer, format: number): void {
    const arrived = { encoded, format, size: this.#arriving };
    if (!this.#service.faults.active || !this.#disturbed(link, delivery, arrived)) {
      this.#deliver(link, delivery, arrived);
    }
  }

  #deliver(link: Receiver, delivery: IncomingDelivery, arrived: Arrived): void {
    const handler = this.#links.get(link);
    if (handler === undefined) {
      return;
    }
    handler.active = true;
    try {
      handler.message?.(delivery, arrived);
    } catch (error) {
      this.#end([link]);
      closeWith(link, asBrokerError(error));
    }
  }

  // --- faults -----------------------------------------------------------------------------------------------------

  /** Whether it has a link at an entity. */
  isAt(entity: string): boolean {
    return this.#gate.isAt(entity);
  }

  /** Refuses what arrived or puts it off, where a fault says so. */
  #disturbed(link: Receiver, delivery: IncomingDelivery, arrived: Arrived): boolean {
    const { faults, clock } = this.#service;
    const entity = this.#gate.entityOf(link);
    if (entity === undefined) {
      return false;
    }
    const refusal = this.#links.get(link) instanceof ProducerLink ? faults.refusal(entity, BusyAt.Send) : undefined;
    if (refusal !== undefined) {
      this.#sessions.get(link.session)?.receipts.reject(delivery, conditionOf(refusal));
      return true;
    }
    const wait = faults.delayOf(entity);
    if (wait > 0) {
      clock.after(wait, () => this.#deliver(link, delivery, arrived));
    }
    return wait > 0;
  }
}
