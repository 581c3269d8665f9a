import type { Clock } from "./clock.js";
import { ReceiveMode } from "./consumer.js";
import type { PropertyChanges } from "./content.js";
import type { QueueContext } from "./context.js";
import {
  BrokerError,
  BrokerErrorCode,
  deadLetteredAgain,
  messageLockLost,
  noLockOfItsOwn,
  sessionLockLost,
  settledInTransaction,
} from "./errors.js";
import { type Lock, MessageState, type StoredMessage } from "./message.js";
import type { SessionLock } from "./sessions.js";
import type { EntityRules } from "./settings.js";
import { type DeadLetter, maxDeliveriesExceeded, SettledOutcome, type Settlement } from "./settlement.js";
import type { Shelf } from "./shelf.js";

/** What settling asks of its queue. */
export interface SettlerHost {
  readonly path: string;
  readonly clock: Clock;
  readonly rules: EntityRules;
  /** Whether there is a queue for dead letters; a dead-letter queue itself has none. */
  readonly keepsDeadLetters: boolean;
  readonly hasSessions: boolean;
  /** Takes a message out for good. */
  finish(message: StoredMessage, outcome: SettledOutcome): void;
  /** The message's time is over. */
  expire(message: StoredMessage): void;
  deadLetter(message: StoredMessage, why: DeadLetter): void;
  /** Something waits again. */
  pump(): void;
}

/** A message that was handed out by its number, with its lock where it has one. */
export interface ByNumber {
  readonly message: StoredMessage;
  readonly lock: Lock | undefined;
}

/** What becomes of messages that were handed out: settled, given back, dead-lettered, or locked for longer. */
export class Settler {
  readonly #host: SettlerHost;
  readonly #shelf: Shelf;
  readonly #context: QueueContext;

  constructor(host: SettlerHost, shelf: Shelf, context: QueueContext) {
    this.#host = host;
    this.#shelf = shelf;
    this.#context = context;
  }

  /** Refuses with MessageLockLost or SessionLockLost unless the lock still holds. */
  check(lock: Lock, settlement: Settlement): void {
    const { session } = lock;
    if (!lock.open) {
      const sessionGone = session !== undefined && !session.open;
      throw sessionGone ? sessionLockLost(this.#host.path, session.session.id) : messageLockLost(this.#host.path);
    }
    if (lock.enlistedIn !== undefined) {
      throw settledInTransaction(this.#host.path);
    }
    if (settlement.kind === "deadLetter" && !this.#host.keepsDeadLetters) {
      throw deadLetteredAgain(this.#host.path);
    }
  }

  /** Does what a receiver says of a message it holds. */
  settle(lock: Lock, settlement: Settlement): void {
    this.check(lock, settlement);
    const { message } = lock;
    switch (settlement.kind) {
      case "complete":
        this.#host.finish(this.#shelf.unlock(lock), SettledOutcome.Completed);
        return;
      case "deadLetter":
        this.#host.deadLetter(this.#shelf.unlock(lock), settlement);
        return;
      case "defer":
        this.#shelf.unlock(lock);
        // The service counts a deferral as a delivery.
        this.#shelf.change(message, {
          deliveryCount: message.deliveryCount + 1,
          ...merged(message, settlement.changes),
        });
        this.#shelf.setAside(message);
        this.#context.settled(this.#host.path, message, SettledOutcome.Deferred);
        return;
      case "abandon":
        this.#shelf.change(message, merged(message, settlement.changes));
        this.putBack(lock, SettledOutcome.Abandoned);
        break;
      case "release":
        this.putBack(lock, SettledOutcome.Released);
        break;
    }
    this.#host.pump();
  }

  /** Puts a message back where it was handed out from. All but a release count as a delivery. */
  putBack(lock: Lock, outcome: SettledOutcome): void {
    const message = this.#shelf.unlock(lock);
    const { maxDeliveryCount } = this.#host.rules;
    if (outcome !== SettledOutcome.Released) {
      this.#shelf.change(message, { deliveryCount: message.deliveryCount + 1 });
      if (this.#host.keepsDeadLetters && message.deliveryCount >= maxDeliveryCount) {
        this.#host.deadLetter(message, maxDeliveriesExceeded(maxDeliveryCount));
        return;
      }
    }
    this.#context.settled(this.#host.path, message, outcome);
    if (lock.ofDeferred) {
      this.#shelf.setAside(message);
    } else if (message.expiresAt <= this.#host.clock.now()) {
      this.#host.expire(message);
    } else {
      this.#shelf.wait(message, true);
    }
  }

  /** Lets a lock last from now on again. Returns until when; refused for a message inside a session. */
  renew(lock: Lock): number {
    if (!lock.open) {
      throw messageLockLost(this.#host.path);
    }
    if (lock.session !== undefined) {
      throw noLockOfItsOwn(this.#host.path, lock.session.session.id);
    }
    const until = this.#host.clock.now() + this.#host.rules.lockMs;
    lock.extend(until);
    this.#context.deadlines.set(lock, until);
    return until;
  }

  /** Hands out deferred messages, all or none; in a queue with sessions, to who holds the session's lock. */
  receiveDeferred(sequenceNumbers: readonly number[], mode: ReceiveMode, session: SessionLock | undefined): ByNumber[] {
    if (this.#host.hasSessions && session?.open !== true) {
      throw sessionLockLost(this.#host.path, session?.session.id ?? "");
    }
    const messages = this.#shelf.find(sequenceNumbers, MessageState.Deferred);
    const foreign = messages.find(({ content }) => session !== undefined && content.sessionId !== session.session.id);
    if (foreign !== undefined) {
      throw sessionLockLost(this.#host.path, foreign.content.sessionId ?? "");
    }
    const until = this.#host.clock.now() + this.#host.rules.lockMs;
    return messages.map((message) => {
      if (mode === ReceiveMode.ReceiveAndDelete) {
        this.#host.finish(message, SettledOutcome.Consumed);
        return { message, lock: undefined };
      }
      return { message, lock: this.#shelf.lock(message, until, session, true) };
    });
  }

  /**
   * Deletes waiting messages that were enqueued before a moment, the oldest first, at most `most`. What is locked,
   * deferred or scheduled stays.
   * @returns how many were deleted.
   */
  purge(most: number, enqueuedBefore: number, session: SessionLock | undefined): number {
    if (this.#host.hasSessions && session?.open !== true) {
      throw session === undefined
        ? new BrokerError(
            BrokerErrorCode.NotAllowed,
            `'${this.#host.path}' requires sessions: its messages are deleted by the receiver that holds their session.`,
          )
        : sessionLockLost(this.#host.path, session.session.id);
    }
    const chosen: StoredMessage[] = [];
    for (const message of this.#shelf.waiting(session?.session.id)) {
      if (chosen.length >= most) {
        break;
      }
      if (message.enqueuedAt < enqueuedBefore) {
        chosen.push(message);
      }
    }
    for (const message of chosen) {
      this.#host.finish(message, SettledOutcome.Purged);
    }
    return chosen.length;
  }
}

/** A message's changes with those of a settlement, which win. */
function merged(message: StoredMessage, changes: PropertyChanges | undefined): { readonly changes?: PropertyChanges } {
  return changes === undefined || changes.size === 0
    ? {}
    : { changes: new Map([...(message.changes ?? []), ...changes]) };
}
