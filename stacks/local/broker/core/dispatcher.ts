import type { Attachments } from "./attachments.js";
import type { Clock } from "./clock.js";
import { Consumer, type ConsumerHome, ConsumerRing, type ConsumerSink, ReceiveMode } from "./consumer.js";
import type { StoredMessage } from "./message.js";
import type { SessionLock, SessionTable } from "./sessions.js";
import type { Shelf } from "./shelf.js";

/** What the dispatcher asks of its queue. */
export interface DispatcherHost {
  readonly clock: Clock;
  readonly lockMs: number;
  readonly attachments: Attachments;
  /** A message was taken out to be handed on, and its time is over. */
  expire(message: StoredMessage): void;
  /** A message was taken out and goes to a receiver for good. */
  consume(message: StoredMessage): void;
}

/**
 * Brings waiting messages and receivers with credit together. Outside sessions the receivers take turns; a session's
 * messages go to the one that holds it.
 */
export class Dispatcher implements ConsumerHome {
  readonly #host: DispatcherHost;
  readonly #shelf: Shelf;
  readonly #sessions: SessionTable | undefined;
  readonly #ring = new ConsumerRing();

  constructor(host: DispatcherHost, shelf: Shelf, sessions: SessionTable | undefined) {
    this.#host = host;
    this.#shelf = shelf;
    this.#sessions = sessions;
  }

  open(sink: ConsumerSink, mode: ReceiveMode, session: SessionLock | undefined): Consumer {
    const consumer = new Consumer(this, sink, mode, session);
    if (session !== undefined) {
      session.consumer = consumer;
    }
    this.#host.attachments.add(consumer);
    return consumer;
  }

  creditChanged(consumer: Consumer): void {
    if (consumer.session !== undefined) {
      this.#pumpSession(consumer.session);
    } else {
      this.#ring.join(consumer);
      this.pump();
    }
  }

  consumerClosed(consumer: Consumer): void {
    this.#host.attachments.remove(consumer);
    if (consumer.session !== undefined) {
      this.#sessions?.release(consumer.session);
    }
  }

  /** Hands out what can be handed out. */
  pump(): void {
    const { ready, touched } = this.#shelf;
    for (const session of touched) {
      touched.delete(session);
      if (session.lock === undefined) {
        this.#sessions?.offer(session);
      } else {
        this.#pumpSession(session.lock);
      }
    }
    while (ready.size > 0) {
      const consumer = this.#ring.next();
      if (consumer === undefined) {
        return;
      }
      this.#hand(this.#shelf.take(ready), consumer);
      this.#ring.join(consumer);
    }
  }

  #pumpSession(lock: SessionLock): void {
    const { consumer } = lock;
    const { ready } = lock.session;
    while (lock.open && consumer !== undefined && consumer.credit > 0 && ready.size > 0) {
      this.#hand(this.#shelf.take(ready), consumer);
    }
  }

  #hand(message: StoredMessage | undefined, consumer: Consumer): void {
    if (message === undefined) {
      return;
    }
    const now = this.#host.clock.now();
    // Expiries run in turns: a message may be over before its own turn came.
    if (message.expiresAt <= now) {
      this.#host.expire(message);
      return;
    }
    consumer.credit--;
    let more: boolean;
    if (consumer.mode === ReceiveMode.ReceiveAndDelete) {
      this.#host.consume(message);
      more = consumer.sink.deliver(message, undefined);
    } else {
      const lock = this.#shelf.lock(message, now + this.#host.lockMs, consumer.session, false);
      more = consumer.sink.deliver(message, lock);
    }
    if (!more) {
      consumer.credit = 0;
    }
  }
}
