import type { Content } from "./content.js";
import type { QueueContext } from "./context.js";
import type { EntitySize } from "./entitySize.js";
import { Holdings, type QueueCounts } from "./holdings.js";
import {
  Lock,
  type MessageChange,
  type MessageHome,
  type MessageNumbers,
  MessageState,
  StoredMessage,
} from "./message.js";
import { ReadyList } from "./readyList.js";
import type { Session, SessionLock, SessionTable } from "./sessions.js";

/** The states in which a message rests while nobody holds it. */
export type RestingState = typeof MessageState.Active | typeof MessageState.Deferred | typeof MessageState.Scheduled;

/** At most so many messages, and none more once so many bytes would be exceeded; the first always fits. */
export interface PeekBounds {
  readonly messages: number;
  readonly bytes: number;
}

/**
 * Where a queue's messages lie: it keeps states, lists, sessions, deadlines and memory in step, and decides nothing.
 * Every change of a message's state goes through here.
 */
export class Shelf {
  /** Outside sessions, the messages that wait. */
  readonly ready = new ReadyList();
  /** Sessions in which a message began to wait since they were last looked at. */
  readonly touched = new Set<Session>();
  readonly #home: MessageHome;
  readonly #context: QueueContext;
  readonly #sessions: SessionTable | undefined;
  readonly #held: Holdings;
  #sequence = 0;

  /** @param size counts the bytes of the entity to which this queue belongs. */
  constructor(home: MessageHome, context: QueueContext, size: EntitySize, sessions: SessionTable | undefined) {
    this.#home = home;
    this.#context = context;
    this.#sessions = sessions;
    this.#held = new Holdings(home.path, context.memory, size, context.journal);
  }

  counts(): QueueCounts {
    return this.#held.counts();
  }

  nextSequenceNumber(): number {
    this.#context.journal?.numbered(this.#home.path);
    return ++this.#sequence;
  }

  /** The highest number that was given; none is given twice, whatever became of its message. */
  get lastSequenceNumber(): number {
    return this.#sequence;
  }

  /** Goes on from a number that was given before a restart. */
  restoreSequence(last: number): void {
    this.#sequence = Math.max(this.#sequence, last);
  }

  /** Puts a message back as it was before a restart; one that was locked then waits again. */
  restore(content: Content, numbers: MessageNumbers, state: RestingState): void {
    this.restoreSequence(numbers.sequenceNumber);
    const message = this.store(content, numbers);
    switch (state) {
      case MessageState.Active:
        this.wait(message, false);
        break;
      case MessageState.Deferred:
        this.setAside(message);
        break;
      case MessageState.Scheduled:
        this.schedule(message, content.scheduledAt ?? numbers.enqueuedAt);
        break;
    }
  }

  /** Stores a message; what becomes of it is said next, by `wait`, `schedule` or `remove`. */
  store(content: Content, numbers: MessageNumbers): StoredMessage {
    const message = new StoredMessage(this.#home, content, numbers);
    this.#held.add(message);
    if (content.sessionId !== undefined) {
      this.#sessions?.join(content.sessionId);
    }
    return message;
  }

  /** Notes something of a message that stays where it is. */
  change(message: StoredMessage, change: MessageChange): void {
    this.#held.change(message, change);
  }

  remove(message: StoredMessage): void {
    // Looked up first: a session goes with its last message.
    const ready = message.state === MessageState.Active ? this.#readyFor(message) : undefined;
    this.#context.deadlines.clear(message);
    this.#held.delete(message);
    ready?.dropped();
    if (message.content.sessionId !== undefined) {
      this.#sessions?.leave(message.content.sessionId);
    }
  }

  /** Lets a message wait for a receiver; `again` if it waited before. */
  wait(message: StoredMessage, again: boolean): void {
    this.#held.move(message, MessageState.Active);
    this.#expireLater(message);
    const session = this.#sessionOf(message);
    if (session !== undefined) {
      this.touched.add(session);
    }
    const ready = session?.ready ?? this.ready;
    if (again) {
      ready.giveBack(message);
    } else {
      ready.append(message);
    }
  }

  /** Takes the oldest waiting message out of a list. */
  take(ready: ReadyList): StoredMessage | undefined {
    const message = ready.take();
    if (message !== undefined) {
      this.#held.move(message, MessageState.Taken);
    }
    return message;
  }

  schedule(message: StoredMessage, at: number): void {
    this.#held.move(message, MessageState.Scheduled);
    this.#context.deadlines.set(message, at);
  }

  setAside(message: StoredMessage): void {
    this.#held.move(message, MessageState.Deferred);
    this.#expireLater(message);
  }

  lock(message: StoredMessage, until: number, session: SessionLock | undefined, ofDeferred: boolean): Lock {
    const lock = new Lock(this.#context.nextLockId(), message, until, session, ofDeferred);
    this.#held.move(message, MessageState.Locked);
    message.lock = lock;
    this.#context.locks.set(lock.id, lock);
    this.#context.deadlines.clear(message);
    if (session === undefined) {
      this.#context.deadlines.set(lock, until);
    } else {
      session.locks.add(lock);
    }
    return lock;
  }

  /** Ends a lock; what becomes of its message is said next. */
  unlock(lock: Lock): StoredMessage {
    lock.open = false;
    lock.message.lock = undefined;
    lock.session?.locks.delete(lock);
    this.#context.deadlines.clear(lock);
    this.#context.locks.delete(lock.id);
    this.#held.move(lock.message, MessageState.Taken);
    return lock.message;
  }

  /** The messages with these numbers, each once, if all are in that state; otherwise refused with MessageNotFound. */
  find(sequenceNumbers: readonly number[], state: MessageState): StoredMessage[] {
    return [...new Set(sequenceNumbers)].map((number) => this.#held.find(number, state));
  }

  /** Waiting messages, the oldest first; of one session if told. They stay where they are. */
  *waiting(sessionId?: string): Generator<StoredMessage> {
    for (const message of this.#held.from(0)) {
      if (
        message.state === MessageState.Active &&
        (sessionId === undefined || message.content.sessionId === sessionId)
      ) {
        yield message;
      }
    }
  }

  /** Messages by number, beginning with `from` or the next one there is, whatever their state; of one session if told. */
  peek(from: number, bounds: PeekBounds, sessionId?: string): StoredMessage[] {
    const found: StoredMessage[] = [];
    let bytes = 0;
    for (const message of this.#held.from(from)) {
      if (sessionId !== undefined && message.content.sessionId !== sessionId) {
        continue;
      }
      bytes += message.content.size;
      if (found.length >= bounds.messages || (found.length > 0 && bytes > bounds.bytes)) {
        break;
      }
      found.push(message);
    }
    return found;
  }

  /** Removes everything. */
  clear(): void {
    for (const message of [...this.#held.from(0)]) {
      if (message.lock !== undefined) {
        this.unlock(message.lock);
      }
      this.remove(message);
    }
    this.touched.clear();
  }

  #sessionOf(message: StoredMessage): Session | undefined {
    const id = message.content.sessionId;
    return id === undefined ? undefined : this.#sessions?.get(id);
  }

  #readyFor(message: StoredMessage): ReadyList {
    return this.#sessionOf(message)?.ready ?? this.ready;
  }

  #expireLater(message: StoredMessage): void {
    if (message.expiresAt !== Number.POSITIVE_INFINITY) {
      this.#context.deadlines.set(message, message.expiresAt);
    }
  }
}
