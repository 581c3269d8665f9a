import { Arrivals, type ArrivalsHost, roomFor } from "./arrivals.js";
import { Attachments } from "./attachments.js";
import type { Clock } from "./clock.js";
import type { Consumer, ConsumerSink, ReceiveMode } from "./consumer.js";
import type { Content, PropertyChanges } from "./content.js";
import type { QueueContext } from "./context.js";
import type { Deadlines } from "./deadlines.js";
import { Dispatcher, type DispatcherHost } from "./dispatcher.js";
import type { EntitySize } from "./entitySize.js";
import {
  type BrokerError,
  entityDisabled,
  entityUpdated,
  forwardingHasNoReceivers,
  sessionsNotRequired,
  sessionsRequired,
} from "./errors.js";
import type { SubQueue } from "./family.js";
import { type Forwarded, Forwarder, type ForwarderHost, type ForwardTarget } from "./forwarding.js";
import { type Lock, type MessageHome, type MessageNumbers, MessageState, type StoredMessage } from "./message.js";
import type { QueueOptions, QueueProgress, QueueTotals } from "./queueOptions.js";
import { type SessionHome, type SessionLock, SessionTable, type SessionWaiter } from "./sessions.js";
import { type EntityRules, mayReceive, sameRules } from "./settings.js";
import {
  type DeadLetter,
  deadLetterChanges,
  EXPIRED,
  SESSION_ID_MISSING,
  SettledOutcome,
  type Settlement,
} from "./settlement.js";
import { type ByNumber, Settler, type SettlerHost } from "./settler.js";
import { type PeekBounds, type RestingState, Shelf } from "./shelf.js";
import type { EntityTimes } from "./times.js";

/**
 * What a queue, a subscription and a dead-letter queue have in common: messages wait, are handed out under locks, and
 * are settled, or they are passed on to another entity. A topic has one for what comes in and for what is scheduled.
 */
export class Queue
  implements MessageHome, SessionHome, ArrivalsHost, DispatcherHost, SettlerHost, ForwarderHost, ForwardTarget
{
  readonly path: string;
  readonly size: EntitySize;
  readonly times: EntityTimes;
  readonly deadLetters: Queue | undefined;
  readonly transferDeadLetters: SubQueue | undefined;
  readonly attachments = new Attachments();
  readonly sessions: SessionTable | undefined;
  readonly #context: QueueContext;
  readonly #options: QueueOptions;
  readonly #shelf: Shelf;
  readonly #dispatcher: Dispatcher;
  readonly #settler: Settler;
  readonly #forwarder: Forwarder;
  readonly #arrivals: Arrivals;
  #rules: EntityRules;

  constructor(context: QueueContext, path: string, rules: EntityRules, options: QueueOptions) {
    this.#context = context;
    this.#options = options;
    this.path = path;
    this.size = options.size;
    this.times = options.times;
    this.#rules = rules;
    this.deadLetters = options.deadLetters;
    this.transferDeadLetters = options.transferDeadLetters;
    this.sessions = rules.requiresSession ? new SessionTable(this) : undefined;
    this.#shelf = new Shelf(this, context, options.size, this.sessions);
    this.#arrivals = new Arrivals(this, this.#shelf, context, options.place);
    this.#dispatcher = new Dispatcher(this, this.#shelf, this.sessions);
    this.#settler = new Settler(this, this.#shelf, context);
    this.#forwarder = new Forwarder(this, this.#shelf, (name) => context.forwardTarget(name));
  }

  get clock(): Clock {
    return this.#context.clock;
  }

  get deadlines(): Deadlines {
    return this.#context.deadlines;
  }

  get lockMs(): number {
    return this.#rules.lockMs;
  }

  get rules(): EntityRules {
    return this.#rules;
  }

  get keepsDeadLetters(): boolean {
    return this.deadLetters !== undefined;
  }

  get hasSessions(): boolean {
    return this.sessions !== undefined;
  }

  /** Where messages go on to, while the entity's status lets anything leave. */
  get forwardTo(): string | undefined {
    return mayReceive(this.#rules) ? this.#rules.forwardTo : undefined;
  }

  counts(): QueueTotals {
    const counts = this.#shelf.counts();
    const transfer = this.#rules.forwardTo === undefined ? 0 : this.#shelf.ready.size;
    return { ...counts, active: counts.active - transfer, transfer };
  }

  /**
   * New rules from now on: locks and expiries that were given stay as they were. Links are detached, and clients
   * attach again. Receivers of a queue that is disabled are told so; senders of one stay, and each of their messages is
   * refused, which tells them more.
   */
  update(rules: EntityRules): void {
    const before = this.#rules;
    this.#rules = rules;
    if (!mayReceive(rules)) {
      const disabled = entityDisabled(this.path);
      this.sessions?.failWaiting(disabled);
      this.attachments.detach(disabled, "receive");
    }
    if (!sameRules({ ...before, status: rules.status }, rules)) {
      this.attachments.detach(entityUpdated(this.path));
    }
    this.pump();
  }

  /** Ends the queue: who holds on to it is told `error`, what it held is gone. */
  close(error: BrokerError): void {
    this.sessions?.failWaiting(error);
    this.attachments.detach(error);
    this.#forwarder.close();
    this.#shelf.clear();
    this.sessions?.close();
    this.#arrivals.close();
  }

  // --- arriving -------------------------------------------------------------------------------------------------

  /** Takes messages, all or none; `Arrivals.send` has the rest. */
  send(contents: readonly Content[]): number[] {
    return this.#arrivals.send(contents);
  }

  /** Refuses messages that `send` would refuse, but for the broker's memory. */
  check(contents: readonly Content[]): void {
    this.#arrivals.check(contents);
  }

  /** Takes messages that were checked, with the memory for them. */
  take(contents: readonly Content[]): number[] {
    return this.#arrivals.take(contents);
  }

  /** Bytes of the broker's memory that the messages need here. */
  room(contents: readonly Content[]): number {
    return roomFor(contents);
  }

  forwarded(content: Content, how: Forwarded): void {
    this.#arrivals.forwarded(content, how);
  }

  /** Takes messages that are to go on to another entity from here; `Arrivals.sendVia` has the rest. */
  sendVia(contents: readonly Content[], destination: string): number[] {
    return this.#arrivals.sendVia(contents, destination);
  }

  checkVia(contents: readonly Content[]): void {
    this.#arrivals.checkVia(contents);
  }

  takeVia(contents: readonly Content[], destination: string): number[] {
    return this.#arrivals.takeVia(contents, destination);
  }

  /**
   * Takes a message that a topic gives to this subscription. That is no use of it: it may still be idle.
   * @param failure why it goes to the dead letters at once
   */
  receive(content: Content, how: Forwarded, failure?: DeadLetter): void {
    const message = this.#arrivals.enqueue(content, this.#shelf.nextSequenceNumber(), this.clock.now(), how);
    if (failure !== undefined) {
      this.deadLetter(message, failure);
    } else if (this.sessions !== undefined && content.sessionId === undefined) {
      this.deadLetter(message, SESSION_ID_MISSING);
    }
    this.pump();
  }

  /** Takes a message that another queue dead-lettered; `Arrivals.adopt` has the rest. */
  adopt(from: StoredMessage, changes: PropertyChanges): void {
    this.#arrivals.adopt(from, changes);
  }

  /** Cancels scheduled messages, all or none. */
  cancelScheduled(sequenceNumbers: readonly number[]): void {
    this.used();
    for (const message of this.#shelf.find(sequenceNumbers, MessageState.Scheduled)) {
      this.#shelf.remove(message);
    }
  }

  // --- coming back after a restart --------------------------------------------------------------------------------

  /** What is to be put back beside the messages and the sessions' states. */
  get progress(): QueueProgress {
    return { lastSequenceNumber: this.#shelf.lastSequenceNumber, seen: this.#arrivals.seen() };
  }

  /** Takes up numbers and duplicates where they were left, before messages are put back. */
  restoreProgress({ lastSequenceNumber, seen }: QueueProgress): void {
    this.#shelf.restoreSequence(lastSequenceNumber);
    this.#arrivals.restoreSeen(seen);
  }

  /** Puts a message back, in order of the sequence numbers; `pump` hands it out or passes it on once all are there. */
  restore(content: Content, numbers: MessageNumbers, state: RestingState): void {
    this.#shelf.restore(content, numbers, state);
  }

  // --- leaving --------------------------------------------------------------------------------------------------

  messageDue(message: StoredMessage, now: number): void {
    if (message.state === MessageState.Scheduled) {
      this.#arrivals.scheduledDue(message, now);
    } else {
      this.expire(message);
    }
  }

  expire(message: StoredMessage): void {
    if (this.#rules.deadLetteringOnMessageExpiration && this.deadLetters !== undefined) {
      this.deadLetter(message, EXPIRED);
    } else {
      this.finish(message, SettledOutcome.Expired);
    }
  }

  consume(message: StoredMessage): void {
    this.finish(message, SettledOutcome.Consumed);
  }

  passedOn(message: StoredMessage): void {
    this.finish(message, SettledOutcome.Forwarded);
  }

  deadLetter(message: StoredMessage, why: DeadLetter): void {
    this.finish(message, SettledOutcome.DeadLettered);
    this.deadLetters?.adopt(message, deadLetterChanges(message.changes, why));
  }

  deadLetterTransfer(message: StoredMessage, why: DeadLetter): void {
    this.finish(message, SettledOutcome.TransferFailed);
    this.transferDeadLetters?.open().adopt(message, deadLetterChanges(message.changes, why));
  }

  finish(message: StoredMessage, outcome: SettledOutcome): void {
    this.#shelf.remove(message);
    this.#context.settled(this.path, message, outcome);
  }

  contentToForward(message: StoredMessage): Content {
    const { deadLetterSource } = this.#options;
    return message.changes === undefined && deadLetterSource === undefined
      ? message.content
      : message.content.rewritten(message.changes, deadLetterSource);
  }

  // --- handing out ----------------------------------------------------------------------------------------------

  /** Hands out, or passes on, what can be. */
  pump(): void {
    if (this.#rules.forwardTo === undefined) {
      this.#dispatcher.pump();
    } else {
      this.#forwarder.run();
    }
  }

  /** Opens a receiver; in a queue with sessions, on the session it has locked. */
  open(sink: ConsumerSink, mode: ReceiveMode, session?: SessionLock): Consumer {
    this.checkReceivable();
    if (this.sessions !== undefined && session === undefined) {
      throw sessionsRequired(this.path);
    }
    return this.#dispatcher.open(sink, mode, session);
  }

  /** Refuses if the entity's status forbids receiving, or it passes everything on. */
  checkReceivable(): void {
    this.used();
    if (!mayReceive(this.#rules)) {
      throw entityDisabled(this.path);
    }
    if (this.#rules.forwardTo !== undefined) {
      throw forwardingHasNoReceivers(this.path);
    }
  }

  /** Locks the named session, or refuses with SessionCannotBeLocked. */
  acceptSession(id: string): SessionLock {
    this.checkReceivable();
    return this.#table().accept(id);
  }

  /** Locks any session with waiting messages, now or within the time given; `SessionTable.acceptNext` has the rest. */
  acceptNextSession(timeoutMs: number, waiter: SessionWaiter): () => void {
    this.checkReceivable();
    return this.#table().acceptNext(timeoutMs, waiter);
  }

  #table(): SessionTable {
    if (this.sessions === undefined) {
      throw sessionsNotRequired(this.path);
    }
    return this.sessions;
  }

  // --- settling, and by number ----------------------------------------------------------------------------------

  /** Refuses with MessageLockLost or SessionLockLost where `settle` would. */
  checkSettle(lock: Lock, settlement: Settlement): void {
    this.#settler.check(lock, settlement);
  }

  /** Does what a receiver says of a message it holds; refused with MessageLockLost or SessionLockLost if it does not. */
  settle(lock: Lock, settlement: Settlement): void {
    this.used();
    this.#settler.settle(lock, settlement);
  }

  lockDue(lock: Lock): void {
    this.#settler.putBack(lock, SettledOutcome.LockExpired);
    this.pump();
  }

  stateSet(sessionId: string): void {
    this.#context.journal?.sessionState(this.path, sessionId);
  }

  takeBack(lock: Lock, costs: boolean): void {
    this.#settler.putBack(lock, costs ? SettledOutcome.LockExpired : SettledOutcome.Released);
  }

  /** Lets a lock last from now on again. Returns until when; refused for a message inside a session. */
  renew(lock: Lock): number {
    this.used();
    return this.#settler.renew(lock);
  }

  /** Hands out deferred messages, all or none; in a queue with sessions, to who holds the session's lock. */
  receiveDeferred(sequenceNumbers: readonly number[], mode: ReceiveMode, session: SessionLock | undefined): ByNumber[] {
    this.checkReceivable();
    return this.#settler.receiveDeferred(sequenceNumbers, mode, session);
  }

  /** Deletes waiting messages enqueued before a moment; `Settler.purge` has the rest. */
  purge(most: number, enqueuedBefore: number, session: SessionLock | undefined): number {
    this.checkReceivable();
    return this.#settler.purge(most, enqueuedBefore, session);
  }

  /** Shows messages without taking them: waiting, locked, deferred and scheduled ones, by number. */
  peek(from: number, bounds: PeekBounds, sessionId?: string): StoredMessage[] {
    this.used();
    return this.#shelf.peek(from, bounds, sessionId);
  }

  /** The entity was used now. */
  used(): number {
    const now = this.clock.now();
    this.times.touch(now);
    return now;
  }
}
