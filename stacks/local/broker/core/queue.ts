import { Attachments } from "./attachments.js";
import type { Clock } from "./clock.js";
import { type Consumer, type ConsumerSink, ReceiveMode } from "./consumer.js";
import type { Content, PropertyChanges } from "./content.js";
import type { QueueContext } from "./context.js";
import type { Deadlines } from "./deadlines.js";
import { Dispatcher, type DispatcherHost } from "./dispatcher.js";
import { DuplicateHistory } from "./duplicates.js";
import {
  type BrokerError,
  deadLetteredAgain,
  entityDisabled,
  messageLockLost,
  noLockOfItsOwn,
  sessionIdNotSet,
  sessionLockLost,
  sessionsNotRequired,
  sessionsRequired,
} from "./errors.js";
import type { QueueCounts } from "./holdings.js";
import { MESSAGE_OVERHEAD } from "./memory.js";
import { type Lock, type MessageHome, MessageState, type StoredMessage } from "./message.js";
import { type SessionHome, type SessionLock, SessionTable, type SessionWaiter } from "./sessions.js";
import { type EntityRules, mayReceive, maySend } from "./settings.js";
import {
  type DeadLetter,
  deadLetterChanges,
  EXPIRED,
  maxDeliveriesExceeded,
  SESSION_ID_MISSING,
  SettledOutcome,
  type Settlement,
} from "./settlement.js";
import { type PeekBounds, Shelf } from "./shelf.js";

export interface QueueOptions {
  /** Where dead letters go; a dead-letter queue has none. */
  readonly deadLetters?: Queue;
  /** A topic's: called for every message that has arrived, in place of keeping it here. */
  readonly place?: (content: Content, sequenceNumber: number) => void;
}

/**
 * What a queue, a subscription and a dead-letter queue have in common: messages wait, are handed out under locks, and
 * are settled. A topic has one for what comes in and for what is scheduled.
 */
export class Queue implements MessageHome, SessionHome, DispatcherHost {
  readonly path: string;
  readonly deadLetters: Queue | undefined;
  readonly attachments = new Attachments();
  readonly sessions: SessionTable | undefined;
  readonly #context: QueueContext;
  readonly #place: QueueOptions["place"];
  readonly #shelf: Shelf;
  readonly #dispatcher: Dispatcher;
  readonly #history: DuplicateHistory;
  #rules: EntityRules;

  constructor(context: QueueContext, path: string, rules: EntityRules, options: QueueOptions = {}) {
    this.#context = context;
    this.path = path;
    this.#rules = rules;
    this.deadLetters = options.deadLetters;
    this.#place = options.place;
    this.#history = new DuplicateHistory(context.memory);
    this.sessions = rules.requiresSession ? new SessionTable(this) : undefined;
    this.#shelf = new Shelf(this, context, this.sessions);
    this.#dispatcher = new Dispatcher(this, this.#shelf, this.sessions);
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

  counts(): QueueCounts {
    return this.#shelf.counts();
  }

  /**
   * New rules from now on: locks and expiries that were given stay as they were. Receivers of a queue that is disabled
   * are detached; senders stay, and each of their messages is refused, which tells them more.
   */
  update(rules: EntityRules): void {
    this.#rules = rules;
    const disabled = entityDisabled(this.path);
    if (!mayReceive(rules)) {
      this.sessions?.failWaiting(disabled);
      this.attachments.detach(disabled, "receive");
    }
  }

  /** Ends the queue: who holds on to it is told `error`, what it held is gone. */
  close(error: BrokerError): void {
    this.sessions?.failWaiting(error);
    this.attachments.detach(error);
    this.#shelf.clear();
    this.sessions?.close();
    this.#history.clear();
  }

  // --- arriving -------------------------------------------------------------------------------------------------

  /**
   * Takes messages, all or none: refused if the entity is disabled, a session id is missing, or the broker is full.
   * @returns their sequence numbers, in the same order.
   */
  send(contents: readonly Content[]): number[] {
    if (!maySend(this.#rules)) {
      throw entityDisabled(this.path);
    }
    if (this.sessions !== undefined && contents.some((content) => content.sessionId === undefined)) {
      throw sessionIdNotSet(this.path);
    }
    this.#context.memory.check(
      contents.reduce((bytes, content) => bytes + content.size + MESSAGE_OVERHEAD, 0),
      this.path,
    );
    const now = this.clock.now();
    const numbers = contents.map((content) => this.#admit(content, now));
    this.#dispatcher.pump();
    return numbers;
  }

  #admit(content: Content, now: number): number {
    const { requiresDuplicateDetection, duplicateWindowMs } = this.#rules;
    const sequenceNumber = this.#shelf.nextSequenceNumber();
    if (requiresDuplicateDetection && this.#history.isDuplicate(content.messageId, now, duplicateWindowMs)) {
      return sequenceNumber;
    }
    if (content.scheduledAt !== undefined && content.scheduledAt > now) {
      const numbers = { sequenceNumber, enqueuedSequenceNumber: sequenceNumber, enqueuedAt: now };
      this.#shelf.schedule(this.#shelf.store(content, numbers), content.scheduledAt);
    } else {
      this.#arrive(content, sequenceNumber, now);
    }
    return sequenceNumber;
  }

  #arrive(content: Content, sequenceNumber: number, now: number): void {
    if (this.#place !== undefined) {
      this.#place(content, sequenceNumber);
    } else {
      this.#enqueue(content, sequenceNumber, sequenceNumber, now);
    }
  }

  #enqueue(
    content: Content,
    sequenceNumber: number,
    enqueuedSequenceNumber: number,
    now: number,
    timeToLiveMs = Number.POSITIVE_INFINITY,
  ): StoredMessage {
    const message = this.#shelf.store(content, { sequenceNumber, enqueuedSequenceNumber, enqueuedAt: now });
    const own = content.timeToLiveMs ?? Number.POSITIVE_INFINITY;
    message.expiresAt = now + Math.min(this.#rules.timeToLiveMs, own, timeToLiveMs);
    this.#shelf.wait(message, false);
    return message;
  }

  /** Takes a message that a topic passes on; `sequenceNumber` is the topic's, and its time to live counts here too. */
  receive(content: Content, sequenceNumber: number, timeToLiveMs: number): void {
    const now = this.clock.now();
    const message = this.#enqueue(content, this.#shelf.nextSequenceNumber(), sequenceNumber, now, timeToLiveMs);
    if (this.sessions !== undefined && content.sessionId === undefined) {
      this.#deadLetter(message, SESSION_ID_MISSING);
    }
    this.#dispatcher.pump();
  }

  /** Takes a message that another queue dead-lettered: its content, age and deliveries stay, its number is new. */
  adopt(from: StoredMessage, changes: PropertyChanges): void {
    const message = this.#shelf.store(from.content, {
      sequenceNumber: this.#shelf.nextSequenceNumber(),
      enqueuedSequenceNumber: from.sequenceNumber,
      enqueuedAt: from.enqueuedAt,
    });
    message.deliveryCount = from.deliveryCount;
    message.changes = changes;
    this.#shelf.wait(message, false);
    this.#dispatcher.pump();
  }

  /** Cancels scheduled messages, all or none. */
  cancelScheduled(sequenceNumbers: readonly number[]): void {
    for (const message of this.#shelf.find(sequenceNumbers, MessageState.Scheduled)) {
      this.#shelf.remove(message);
    }
  }

  // --- leaving --------------------------------------------------------------------------------------------------

  messageDue(message: StoredMessage, now: number): void {
    if (message.state === MessageState.Scheduled) {
      // The service enqueues a scheduled message anew: it gets a new number, and its time to live begins.
      this.#shelf.remove(message);
      this.#arrive(message.content, this.#shelf.nextSequenceNumber(), now);
      this.#dispatcher.pump();
    } else {
      this.expire(message);
    }
  }

  expire(message: StoredMessage): void {
    if (this.#rules.deadLetteringOnMessageExpiration && this.deadLetters !== undefined) {
      this.#deadLetter(message, EXPIRED);
    } else {
      this.#remove(message, SettledOutcome.Expired);
    }
  }

  consume(message: StoredMessage): void {
    this.#remove(message, SettledOutcome.Consumed);
  }

  #deadLetter(message: StoredMessage, why: DeadLetter): void {
    this.#remove(message, SettledOutcome.DeadLettered);
    this.deadLetters?.adopt(message, deadLetterChanges(message.changes, why));
  }

  #remove(message: StoredMessage, outcome: SettledOutcome): void {
    this.#shelf.remove(message);
    this.#context.settled(this.path, message, outcome);
  }

  // --- handing out ----------------------------------------------------------------------------------------------

  /** Opens a receiver; in a queue with sessions, on the session it has locked. */
  open(sink: ConsumerSink, mode: ReceiveMode, session?: SessionLock): Consumer {
    this.checkReceivable();
    if (this.sessions !== undefined && session === undefined) {
      throw sessionsRequired(this.path);
    }
    return this.#dispatcher.open(sink, mode, session);
  }

  /** Refuses if the entity's status forbids receiving. */
  checkReceivable(): void {
    if (!mayReceive(this.#rules)) {
      throw entityDisabled(this.path);
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

  // --- settling -------------------------------------------------------------------------------------------------

  /** Does what a receiver says of a message it holds; refused with MessageLockLost or SessionLockLost if it does not. */
  settle(lock: Lock, settlement: Settlement): void {
    const { message, session } = lock;
    if (!lock.open) {
      const sessionGone = session !== undefined && !session.open;
      throw sessionGone ? sessionLockLost(this.path, session.session.id) : messageLockLost(this.path);
    }
    switch (settlement.kind) {
      case "complete":
        this.#remove(this.#shelf.unlock(lock), SettledOutcome.Completed);
        return;
      case "deadLetter":
        if (this.deadLetters === undefined) {
          throw deadLetteredAgain(this.path);
        }
        this.#deadLetter(this.#shelf.unlock(lock), settlement);
        return;
      case "defer":
        this.#shelf.unlock(lock);
        this.#change(message, settlement.changes);
        // The service counts a deferral as a delivery.
        message.deliveryCount++;
        this.#shelf.setAside(message);
        this.#context.settled(this.path, message, SettledOutcome.Deferred);
        return;
      case "abandon":
        this.#change(message, settlement.changes);
        this.#putBack(lock, SettledOutcome.Abandoned);
        break;
      case "release":
        this.#putBack(lock, SettledOutcome.Released);
        break;
    }
    this.#dispatcher.pump();
  }

  #change(message: StoredMessage, changes: PropertyChanges | undefined): void {
    if (changes !== undefined && changes.size > 0) {
      message.changes = new Map([...(message.changes ?? []), ...changes]);
    }
  }

  #putBack(lock: Lock, outcome: SettledOutcome): void {
    const message = this.#shelf.unlock(lock);
    const { maxDeliveryCount } = this.#rules;
    if (outcome !== SettledOutcome.Released) {
      message.deliveryCount++;
      if (this.deadLetters !== undefined && message.deliveryCount >= maxDeliveryCount) {
        this.#deadLetter(message, maxDeliveriesExceeded(maxDeliveryCount));
        return;
      }
    }
    this.#context.settled(this.path, message, outcome);
    if (lock.ofDeferred) {
      this.#shelf.setAside(message);
    } else if (message.expiresAt <= this.clock.now()) {
      this.expire(message);
    } else {
      this.#shelf.wait(message, true);
    }
  }

  lockDue(lock: Lock): void {
    this.#putBack(lock, SettledOutcome.LockExpired);
    this.#dispatcher.pump();
  }

  takeBack(lock: Lock, costs: boolean): void {
    this.#putBack(lock, costs ? SettledOutcome.LockExpired : SettledOutcome.Released);
  }

  /** Lets a lock last from now on again. Returns until when; refused for a message inside a session. */
  renew(lock: Lock): number {
    if (!lock.open) {
      throw messageLockLost(this.path);
    }
    if (lock.session !== undefined) {
      throw noLockOfItsOwn(this.path, lock.session.session.id);
    }
    const until = this.clock.now() + this.#rules.lockMs;
    lock.extend(until);
    this.deadlines.set(lock, until);
    return until;
  }

  // --- by number ------------------------------------------------------------------------------------------------

  /** Hands out deferred messages, all or none; in a queue with sessions, to who holds the session's lock. */
  receiveDeferred(
    sequenceNumbers: readonly number[],
    mode: ReceiveMode,
    session: SessionLock | undefined,
  ): { readonly message: StoredMessage; readonly lock: Lock | undefined }[] {
    this.checkReceivable();
    if (this.sessions !== undefined && session?.open !== true) {
      throw sessionLockLost(this.path, session?.session.id ?? "");
    }
    const messages = this.#shelf.find(sequenceNumbers, MessageState.Deferred);
    const foreign = messages.find(({ content }) => session !== undefined && content.sessionId !== session.session.id);
    if (foreign !== undefined) {
      throw sessionLockLost(this.path, foreign.content.sessionId ?? "");
    }
    const until = this.clock.now() + this.#rules.lockMs;
    return messages.map((message) => {
      if (mode === ReceiveMode.ReceiveAndDelete) {
        this.consume(message);
        return { message, lock: undefined };
      }
      return { message, lock: this.#shelf.lock(message, until, session, true) };
    });
  }

  /** Shows messages without taking them: waiting, locked, deferred and scheduled ones, by number. */
  peek(from: number, bounds: PeekBounds, sessionId?: string): StoredMessage[] {
    return this.#shelf.peek(from, bounds, sessionId);
  }
}
