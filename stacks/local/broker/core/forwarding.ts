import type { Clock } from "./clock.js";
import type { Content } from "./content.js";
import { BrokerError, BrokerErrorCode, entityNotFound } from "./errors.js";
import type { StoredMessage } from "./message.js";
import { type DeadLetter, HOPS_EXCEEDED, SESSION_ID_MISSING } from "./settlement.js";
import type { Shelf } from "./shelf.js";

/** How often a message may be passed on from entity to entity: the service's own limit. */
export const MOST_HOPS = 4;
/** Messages passed on in one turn of the event loop, where many wait because forwarding was just set. */
const BATCH = 500;

/** What a message brings along to the entity it is passed on to. */
export interface Forwarded {
  /** The number it had where it was first enqueued. */
  readonly enqueuedSequenceNumber: number;
  /** Milliseconds it may still live. */
  readonly timeToLiveMs: number;
  /** How often it was passed on, this time included. */
  readonly hops: number;
}

/** A queue or a topic as the end of a forward. */
export interface ForwardTarget {
  /** Takes one message as if it were sent here. @throws BrokerError where it refuses. */
  forwarded(content: Content, how: Forwarded): void;
}

/** What forwarding asks of its queue. */
export interface ForwarderHost {
  readonly path: string;
  readonly clock: Clock;
  readonly forwardTo: string | undefined;
  /** A message taken out to be passed on, and its time is over. */
  expire(message: StoredMessage): void;
  /** It was taken by its target. */
  passedOn(message: StoredMessage): void;
  /** It cannot be passed on. */
  deadLetterTransfer(message: StoredMessage, why: DeadLetter): void;
  /** A message as it is to arrive: with what settlements have set, and where it was dead-lettered. */
  contentToForward(message: StoredMessage): Content;
}

/** Refusals of a target, as reasons of a transfer's dead letter. */
const REASONS: Partial<Record<BrokerErrorCode, string>> = {
  EntityNotFound: "MessagingEntityNotFound",
  EntityDisabled: "MessagingEntityDisabled",
  MessageTooLarge: "MessageSizeExceeded",
};

/** Why a message that `error` kept from its target is dead-lettered. */
export function transferFailure(error: BrokerError): DeadLetter {
  if (error.code === BrokerErrorCode.SessionIdMissing) {
    return SESSION_ID_MISSING;
  }
  return { kind: "deadLetter", reason: REASONS[error.code] ?? error.code, description: error.message };
}

/** Hands one message to its target. Returns why it could not, if it could not. */
export function passOn(
  content: Content,
  to: { readonly name: string; readonly target: ForwardTarget | undefined },
  how: Forwarded,
): DeadLetter | undefined {
  if (how.hops > MOST_HOPS) {
    return HOPS_EXCEEDED;
  }
  try {
    if (to.target === undefined) {
      throw entityNotFound(to.name);
    }
    to.target.forwarded(content, how);
    return undefined;
  } catch (error) {
    if (error instanceof BrokerError) {
      return transferFailure(error);
    }
    throw error;
  }
}

/** Passes a queue's waiting messages on to another entity, oldest first. */
export class Forwarder {
  readonly #host: ForwarderHost;
  readonly #shelf: Shelf;
  readonly #find: (name: string) => ForwardTarget | undefined;
  #later: (() => void) | undefined;

  constructor(host: ForwarderHost, shelf: Shelf, find: (name: string) => ForwardTarget | undefined) {
    this.#host = host;
    this.#shelf = shelf;
    this.#find = find;
  }

  /** Passes on what waits: a bounded number now, the rest in turns. */
  run(): void {
    const { clock } = this.#host;
    for (let moved = 0; this.#shelf.ready.size > 0; moved++) {
      // Read anew each time: a target that refuses, or an observer, may have changed it.
      const name = this.#host.forwardTo;
      if (name === undefined) {
        return;
      }
      if (moved === BATCH) {
        this.#later ??= clock.after(0, () => {
          this.#later = undefined;
          this.run();
        });
        return;
      }
      const message = this.#shelf.take(this.#shelf.ready);
      if (message !== undefined) {
        this.#forward(message, name);
      }
    }
  }

  /** Stops what was left for later. */
  close(): void {
    this.#later?.();
    this.#later = undefined;
  }

  #forward(message: StoredMessage, name: string): void {
    const now = this.#host.clock.now();
    if (message.expiresAt <= now) {
      this.#host.expire(message);
      return;
    }
    const failure = passOn(
      this.#host.contentToForward(message),
      { name, target: this.#find(name) },
      {
        enqueuedSequenceNumber: message.enqueuedSequenceNumber,
        timeToLiveMs: message.expiresAt - now,
        hops: message.hops + 1,
      },
    );
    if (failure === undefined) {
      this.#host.passedOn(message);
    } else {
      this.#host.deadLetterTransfer(message, failure);
    }
  }
}
