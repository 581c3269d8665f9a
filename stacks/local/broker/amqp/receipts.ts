import type { Session } from "rhea";
import type { AmqpCondition } from "./conditions.js";
import { DISPOSITION_ROOM, dispositionFrame, rejectedFrame, writeSettled } from "./frames.js";
import type { Wire } from "./wire.js";

/** A delivery from the peer. */
export interface IncomingDelivery {
  readonly id: number;
  /** The peer settled it when it sent it: it wants no answer. */
  readonly remote_settled: boolean;
  /** What came with it: the transaction it is part of. */
  readonly remote_state?: unknown;
  settled: boolean;
}

/**
 * What we say of a session's incoming deliveries. `rhea` gathers the outcomes of one turn and merges the second into
 * the first whatever it says, so that a message accepted right after a refused one would be refused too; this merges
 * what is accepted in a row, and nothing else.
 */
export class Receipts {
  readonly #session: Session;
  readonly #wire: Wire;
  #accepted: { readonly first: number; last: number } | undefined;
  #scheduled = false;

  constructor(session: Session, wire: Wire) {
    this.#session = session;
    this.#wire = wire;
  }

  accept(delivery: IncomingDelivery): void {
    delivery.settled = true;
    if (delivery.remote_settled) {
      return;
    }
    if (this.#accepted !== undefined && (this.#accepted.last + 1) >>> 0 === delivery.id) {
      this.#accepted.last = delivery.id;
      return;
    }
    this.#flush();
    this.#accepted = { first: delivery.id, last: delivery.id };
    if (!this.#scheduled) {
      this.#scheduled = true;
      process.nextTick(() => {
        this.#scheduled = false;
        this.#flush();
      });
    }
  }

  reject(delivery: IncomingDelivery, error: AmqpCondition): void {
    delivery.settled = true;
    if (!delivery.remote_settled) {
      this.#flush();
      this.#wire.write(rejectedFrame("receiver", this.#session.local.channel, delivery.id, error));
    }
  }

  /** Settles a delivery with an encoded state of its own. */
  answer(delivery: IncomingDelivery, state: Buffer): void {
    delivery.settled = true;
    if (!delivery.remote_settled) {
      this.#flush();
      this.#wire.write(dispositionFrame("receiver", this.#session.local.channel, delivery.id, state));
    }
  }

  #flush(): void {
    const range = this.#accepted;
    if (range !== undefined) {
      this.#accepted = undefined;
      const { buffer, at } = this.#wire.reserve(DISPOSITION_ROOM);
      this.#wire.commit(writeSettled("receiver", buffer, at, this.#session.local.channel, range));
    }
  }
}
