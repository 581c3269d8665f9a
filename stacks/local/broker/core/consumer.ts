import type { Attachment } from "./attachments.js";
import type { BrokerError } from "./errors.js";
import type { Lock, StoredMessage } from "./message.js";
import type { SessionLock } from "./sessions.js";

export const ReceiveMode = {
  /** A message is handed out under a lock and stays until it is settled. */
  PeekLock: "peekLock",
  /** A message is gone once it is handed out. */
  ReceiveAndDelete: "receiveAndDelete",
} as const;
export type ReceiveMode = (typeof ReceiveMode)[keyof typeof ReceiveMode];

/** Where a consumer's messages go. */
export interface ConsumerSink {
  /**
   * Takes one message; `lock` is there in peek-lock.
   * @returns false if it takes no more for now: its credit counts as used up until it sets it again.
   */
  deliver(message: StoredMessage, lock: Lock | undefined): boolean;
  /** The entity went, or the session's lock ended: nothing will come any more. */
  detach(error: BrokerError): void;
}

/** What a consumer needs of its queue. */
export interface ConsumerHome {
  creditChanged(consumer: Consumer): void;
  consumerClosed(consumer: Consumer): void;
}

/** One receiver on a queue, or on one session of it. Nothing is handed to it beyond its credit. */
export class Consumer implements Attachment {
  readonly side = "receive";
  readonly sink: ConsumerSink;
  readonly mode: ReceiveMode;
  /** Set in a queue with sessions. */
  readonly session: SessionLock | undefined;
  /** Messages it may still be handed. */
  credit = 0;
  open = true;
  /** It stands in the ring of those that wait. */
  waiting = false;
  readonly #home: ConsumerHome;

  constructor(home: ConsumerHome, sink: ConsumerSink, mode: ReceiveMode, session: SessionLock | undefined) {
    this.#home = home;
    this.sink = sink;
    this.mode = mode;
    this.session = session;
  }

  /** Says how many messages it may be handed from now on; hands out what is there before it returns. */
  setCredit(credit: number): void {
    if (this.open) {
      this.credit = credit;
      this.#home.creditChanged(this);
    }
  }

  /** Ends it. Its session is given up without cost; the locks it holds outside a session stay until they expire. */
  close(): void {
    if (this.open) {
      this.open = false;
      this.credit = 0;
      this.#home.consumerClosed(this);
    }
  }

  detach(error: BrokerError): void {
    if (this.open) {
      this.close();
      this.sink.detach(error);
    }
  }
}

/** The consumers with credit, in turn. */
export class ConsumerRing {
  #ring: Consumer[] = [];
  #head = 0;

  /** Lets a consumer stand in line if it may take something and does not stand there yet. */
  join(consumer: Consumer): void {
    if (consumer.open && consumer.credit > 0 && !consumer.waiting) {
      consumer.waiting = true;
      this.#ring.push(consumer);
    }
  }

  /** The next in line who can still take something; it leaves the line. */
  next(): Consumer | undefined {
    for (;;) {
      const consumer = this.#ring[this.#head];
      if (consumer === undefined) {
        this.#ring.length = 0;
        this.#head = 0;
        return undefined;
      }
      this.#head++;
      if (this.#head > 256 && this.#head * 2 > this.#ring.length) {
        this.#ring = this.#ring.slice(this.#head);
        this.#head = 0;
      }
      consumer.waiting = false;
      if (consumer.open && consumer.credit > 0) {
        return consumer;
      }
    }
  }
}
