import type { Content, PropertyChanges } from "./content.js";
import type { Deadline } from "./deadlines.js";
import { MESSAGE_OVERHEAD } from "./memory.js";
import type { SessionLock } from "./sessions.js";

export const MessageState = {
  /** Waiting for a receiver. */
  Active: "active",
  /** Out of the list of those that wait, on its way to a receiver or away. */
  Taken: "taken",
  /** Handed to a receiver that has not settled it. */
  Locked: "locked",
  /** Set aside: only received by its sequence number. */
  Deferred: "deferred",
  /** Not there yet: becomes active at its time. */
  Scheduled: "scheduled",
  /** Removed; what still points to it passes over it. */
  Gone: "gone",
} as const;
export type MessageState = (typeof MessageState)[keyof typeof MessageState];

/** Where a message lives, as far as the message and its lock must know. */
export interface MessageHome {
  readonly path: string;
  messageDue(message: StoredMessage, now: number): void;
  lockDue(lock: Lock, now: number): void;
}

/** What a message is stored with. */
export interface MessageNumbers {
  readonly sequenceNumber: number;
  /** The number it had where it was first enqueued: the topic's, or that of the queue that dead-lettered it or passed it on. */
  readonly enqueuedSequenceNumber: number;
  /** Milliseconds since 1970. */
  readonly enqueuedAt: number;
  /** Milliseconds since 1970; Infinity, the default, for never. */
  readonly expiresAt?: number;
  /** How often it was passed on from entity to entity. @default 0 */
  readonly hops?: number;
  /** @default 0 */
  readonly deliveryCount?: number;
  readonly changes?: PropertyChanges | undefined;
}

/** What may change of a message while it stays where it is, beside its state. */
export interface MessageChange {
  readonly deliveryCount?: number;
  readonly changes?: PropertyChanges;
}

/**
 * One message in one queue, subscription or dead-letter queue. Its deadline is its expiry, or its scheduled time.
 * `state`, `deliveryCount` and `changes` are set by `Holdings` alone.
 */
export class StoredMessage implements Deadline {
  readonly home: MessageHome;
  readonly content: Content;
  readonly sequenceNumber: number;
  readonly enqueuedSequenceNumber: number;
  readonly enqueuedAt: number;
  readonly expiresAt: number;
  readonly hops: number;
  state: MessageState = MessageState.Active;
  /** Deliveries that ended without success so far; what the next receiver is told. */
  deliveryCount: number;
  lock: Lock | undefined;
  /** What a journal has written down of it: under which id, in which state, and whether its content is as it was. */
  journal: { readonly id: number; state: MessageState; content: boolean } | undefined = undefined;
  /** Application properties that settlements have set. */
  changes: PropertyChanges | undefined;
  deadlineAt = 0;
  deadlineSlot = -1;

  constructor(home: MessageHome, content: Content, numbers: MessageNumbers) {
    this.home = home;
    this.content = content;
    this.sequenceNumber = numbers.sequenceNumber;
    this.enqueuedSequenceNumber = numbers.enqueuedSequenceNumber;
    this.enqueuedAt = numbers.enqueuedAt;
    this.expiresAt = numbers.expiresAt ?? Number.POSITIVE_INFINITY;
    this.hops = numbers.hops ?? 0;
    this.deliveryCount = numbers.deliveryCount ?? 0;
    this.changes = numbers.changes;
  }

  /** What it counts for in the memory ledger. */
  get cost(): number {
    return this.content.size + MESSAGE_OVERHEAD;
  }

  due(now: number): void {
    this.home.messageDue(this, now);
  }
}

/** A receiver's claim on a message. Inside a session it lasts as long as the session's lock, and has no deadline. */
export class Lock implements Deadline {
  /** Unique in this broker; the AMQP layer makes the lock token of it. */
  readonly id: number;
  readonly message: StoredMessage;
  readonly session: SessionLock | undefined;
  /** The message was deferred when it was taken, and goes back there unless it is settled for good. */
  readonly ofDeferred: boolean;
  open = true;
  /** The transaction that has settled it, if it is discharged. */
  enlistedIn: object | undefined;
  deadlineAt = 0;
  deadlineSlot = -1;
  #until: number;

  constructor(id: number, message: StoredMessage, until: number, session: SessionLock | undefined, deferred: boolean) {
    this.id = id;
    this.message = message;
    this.session = session;
    this.ofDeferred = deferred;
    this.#until = until;
  }

  /** Milliseconds since 1970. */
  get lockedUntil(): number {
    return this.session?.lockedUntil ?? this.#until;
  }

  extend(until: number): void {
    this.#until = until;
  }

  due(now: number): void {
    this.message.home.lockDue(this, now);
  }
}
