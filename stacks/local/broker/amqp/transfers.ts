import type { Sender, Session } from "rhea";
import { entityOfAddress } from "../core/audience.js";
import type { Clock } from "../core/clock.js";
import type { BrokerError } from "../core/errors.js";
import type { StoredMessage } from "../core/message.js";
import type { Settlement } from "../core/settlement.js";
import { conditionOf } from "./conditions.js";
import { bareOf, encodeDelivered, headRoom, writeHead } from "./delivered.js";
import { type Faults, LostSettlement } from "./faults.js";
import {
  closeFrame,
  DISPOSITION_ROOM,
  dispositionFrame,
  Outcome,
  rejectedFrame,
  TRANSFER_ROOM,
  writeSettled,
  writeTransfer,
} from "./frames.js";
import type { DispositionFields, FlowFields, OutgoingPort } from "./internals.js";
import { settlementOf } from "./outcomes.js";
import { acceptedInTransaction, transactionalState } from "./transactions.js";
import type { Wire } from "./wire.js";

const LARGEST_UINT = 0xffff_ffff;
/** A frame up to this size is written in one piece into the output. */
const INLINE = 16 * 1_024;
/** What every peer must take, whatever it says (OASIS AMQP 1.0, part 2, MIN-MAX-FRAME-SIZE). */
const SMALLEST_FRAME = 512;
/** What is assumed of a peer that names no limit. */
const FRAME_SIZE = 64 * 1_024;

/** The outcome by which a client said each settlement. */
const OUTCOMES: Readonly<Record<Settlement["kind"], Outcome>> = {
  complete: Outcome.Accepted,
  deadLetter: Outcome.Rejected,
  release: Outcome.Released,
  abandon: Outcome.Modified,
  defer: Outcome.Modified,
};

/** Who handed out a delivery, and is told what its receiver says of it. */
export interface DeliveryOwner {
  /** Where it is from. */
  readonly path: string;
  /**
   * Settles a delivery, now or with the transaction of that id.
   * @returns the refusal, if it is refused
   */
  settle(deliveryId: number, settlement: Settlement, transaction?: Buffer): BrokerError | undefined;
  /** The peer takes transfers again. */
  resume(): void;
}

/** What may be put between a receiver's word and its answer. */
export interface Disturbances {
  readonly faults: Faults;
  readonly clock: Clock;
}

interface Fragment {
  readonly link: Sender;
  readonly deliveryId: number;
  readonly tag: Buffer;
  readonly settled: boolean;
  readonly more: boolean;
  readonly payload: Buffer;
}

/**
 * The sending half of a session, in place of `rhea`'s own. That one keeps every delivery in a ring that fills up when
 * a receiver settles in its second mode, lowers a link's credit only when it flushes, and encodes each frame through
 * objects; this one writes transfers straight into the output and counts credit as it does.
 */
export class Transfers implements OutgoingPort {
  readonly deliveries = { available: (): number => 1 };
  readonly window = LARGEST_UINT;
  next_transfer_id = 0;
  readonly #session: Session;
  readonly #wire: Wire;
  readonly #disturbances: Disturbances;
  readonly #owners = new Map<number, DeliveryOwner>();
  readonly #listeners = new Set<DeliveryOwner>();
  #backlog: Fragment[] = [];
  #nextDeliveryId = 0;
  #remoteNext = 0;
  #remoteWindow = 0;

  constructor(session: Session, wire: Wire, disturbances: Disturbances) {
    this.#session = session;
    this.#wire = wire;
    this.#disturbances = disturbances;
  }

  /** Whether one more delivery would leave at once. */
  get ready(): boolean {
    return this.#backlog.length === 0 && this.#room > 0 && this.#wire.writable;
  }

  get unsettled(): number {
    return this.#owners.size;
  }

  /** Tells `owner` whenever the peer takes transfers again. */
  listen(owner: DeliveryOwner): void {
    this.#listeners.add(owner);
  }

  /** Does not tell an owner any more that the peer takes transfers. */
  mute(owner: DeliveryOwner): void {
    this.#listeners.delete(owner);
  }

  /** Forgets an owner, all that it handed out, and what has not left yet on its link. */
  forget(owner: DeliveryOwner, link: Sender): void {
    this.#listeners.delete(owner);
    this.#backlog = this.#backlog.filter((fragment) => fragment.link !== link);
    for (const [deliveryId, other] of this.#owners) {
      if (other === owner) {
        this.#owners.delete(deliveryId);
      }
    }
  }

  /**
   * Sends a stored message under a lock, to be settled by its receiver, or settled.
   * @returns its delivery id, by which `owner` is told.
   */
  deliver(
    link: Sender,
    tag: Buffer,
    message: StoredMessage,
    lock: { readonly lockedUntil: number; readonly owner: DeliveryOwner } | undefined,
  ): number {
    const deliveryId = this.#begin(link);
    if (lock !== undefined) {
      this.#owners.set(deliveryId, lock.owner);
    }
    const bare = bareOf(message);
    const bytes = TRANSFER_ROOM + headRoom(message) + bare.length;
    if (bytes <= Math.min(INLINE, this.#frameSize) && this.ready) {
      const fields = { handle: link.local.handle, deliveryId, tag, settled: lock === undefined, more: false };
      const { buffer, at: start } = this.#wire.reserve(bytes);
      let at = writeTransfer(buffer, start, fields);
      at = writeHead(buffer, at, message, lock?.lockedUntil);
      at += bare.copy(buffer, at);
      closeFrame(buffer, start, at - start, this.#session.local.channel);
      this.#wire.commit(at);
      this.next_transfer_id = (this.next_transfer_id + 1) >>> 0;
    } else {
      this.#enqueue(link, deliveryId, tag, lock === undefined, encodeDelivered(message, lock?.lockedUntil));
    }
    return deliveryId;
  }

  /** Sends an encoded message, settled. */
  send(link: Sender, tag: Buffer, payload: Buffer): void {
    this.#enqueue(link, this.#begin(link), tag, true, payload);
  }

  #begin(link: Sender): number {
    const deliveryId = this.#nextDeliveryId;
    this.#nextDeliveryId = (deliveryId + 1) >>> 0;
    link.credit--;
    link.delivery_count++;
    return deliveryId;
  }

  #enqueue(link: Sender, deliveryId: number, tag: Buffer, settled: boolean, payload: Buffer): void {
    const most = this.#frameSize - TRANSFER_ROOM;
    for (let from = 0; from < payload.length; from += most) {
      const more = from + most < payload.length;
      this.#backlog.push({ link, deliveryId, tag, settled, more, payload: payload.subarray(from, from + most) });
    }
    this.process();
  }

  get #frameSize(): number {
    const asked: unknown = this.#session.connection.max_frame_size;
    return typeof asked === "number" ? Math.max(SMALLEST_FRAME, Math.min(asked, FRAME_SIZE)) : FRAME_SIZE;
  }

  /** Transfers that the peer's window still takes. */
  get #room(): number {
    return this.#remoteWindow - ((this.next_transfer_id - this.#remoteNext) | 0);
  }

  // --- what a session calls -------------------------------------------------------------------------------------

  available(): number {
    return this.ready ? 1 : 0;
  }

  on_begin(fields: { readonly incoming_window: number }): void {
    this.#remoteWindow = fields.incoming_window;
  }

  on_flow(fields: FlowFields): void {
    const before = this.ready;
    this.#remoteNext = fields.next_incoming_id ?? 0;
    this.#remoteWindow = fields.incoming_window;
    this.process();
    if (!before) {
      this.resume();
    }
  }

  /** Lets those go on who stopped because the peer took no more. */
  resume(): void {
    for (const owner of this.#listeners) {
      if (!this.ready) {
        return;
      }
      owner.resume();
    }
  }

  /** Writes what waited for the peer's window. */
  process(): void {
    let next = this.#backlog[0];
    while (next !== undefined && this.#room > 0) {
      this.#backlog.shift();
      const { link, payload } = next;
      const { buffer, at: start } = this.#wire.reserve(TRANSFER_ROOM);
      const at = writeTransfer(buffer, start, { handle: link.local.handle, ...next });
      closeFrame(buffer, start, at - start + payload.length, this.#session.local.channel);
      this.#wire.commit(at);
      this.#wire.write(payload);
      this.next_transfer_id = (this.next_transfer_id + 1) >>> 0;
      next = this.#backlog[0];
    }
  }

  on_disposition(fields: DispositionFields): void {
    const { faults, clock } = this.#disturbances;
    const path = faults.active ? this.#owners.get(fields.first)?.path : undefined;
    const wait = path === undefined ? 0 : faults.delayOf(entityOfAddress(path));
    if (wait > 0) {
      clock.after(wait, () => this.#settle(fields));
    } else {
      this.#settle(fields);
    }
  }

  #settle(fields: DispositionFields): void {
    const { faults } = this.#disturbances;
    const transactional = transactionalState(fields.state);
    const settlement = settlementOf(transactional === undefined ? fields.state : transactional.outcome);
    // `rhea` reads a boolean in its long form, which Python's client writes, as 0 or 1.
    const settled = Boolean(fields.settled);
    if (settlement === undefined || (!settled && (fields.state === null || fields.state === undefined))) {
      return;
    }
    const { first } = fields;
    const span = ((fields.last ?? first) - first) >>> 0;
    // A range may name more deliveries than there are; it costs no more than those.
    const ids =
      span < this.#owners.size * 2 + 1
        ? Array.from({ length: span + 1 }, (_, offset) => (first + offset) >>> 0)
        : [...this.#owners.keys()].filter((id) => (id - first) >>> 0 <= span);
    const outcome = OUTCOMES[settlement.kind];
    let done: { first: number; last: number } | undefined;
    for (const id of ids) {
      const owner = this.#owners.get(id);
      if (owner === undefined) {
        continue;
      }
      const lost = faults.active ? faults.loses(owner.path) : undefined;
      if (lost === LostSettlement.Request) {
        continue;
      }
      this.#owners.delete(id);
      const refused = owner.settle(id, settlement, transactional?.id);
      if (settled || lost === LostSettlement.Answer) {
        continue;
      }
      if (refused !== undefined) {
        this.#wire.write(rejectedFrame("sender", this.#session.local.channel, id, conditionOf(refused)));
      } else if (transactional !== undefined) {
        const state = acceptedInTransaction(transactional.id);
        this.#wire.write(dispositionFrame("sender", this.#session.local.channel, id, state));
      } else if (done !== undefined && (done.last + 1) >>> 0 === id) {
        done.last = id;
      } else {
        this.#confirm(done, outcome);
        done = { first: id, last: id };
      }
    }
    this.#confirm(done, outcome);
  }

  /** Says of a range that its outcome was taken: by the same outcome, which Python's and Java's clients compare. */
  #confirm(range: { readonly first: number; readonly last: number } | undefined, outcome: Outcome): void {
    if (range !== undefined) {
      const { buffer, at } = this.#wire.reserve(DISPOSITION_ROOM);
      this.#wire.commit(writeSettled("sender", buffer, at, this.#session.local.channel, range, outcome));
    }
  }
}
