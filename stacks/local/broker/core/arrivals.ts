import { checkAdmissible } from "./admission.js";
import type { Content, PropertyChanges } from "./content.js";
import type { QueueContext } from "./context.js";
import { DuplicateHistory } from "./duplicates.js";
import type { EntitySize } from "./entitySize.js";
import { type Forwarded, passOn } from "./forwarding.js";
import { MESSAGE_OVERHEAD } from "./memory.js";
import type { StoredMessage } from "./message.js";
import type { EntityRules } from "./settings.js";
import type { DeadLetter } from "./settlement.js";
import type { Shelf } from "./shelf.js";

/** A topic's: what becomes of a message that has arrived, in place of keeping it. */
export type Place = (content: Content, sequenceNumber: number, how: Forwarded | undefined) => void;

/** What arriving asks of its queue. */
export interface ArrivalsHost {
  readonly path: string;
  readonly rules: EntityRules;
  readonly size: EntitySize;
  /** The entity was used; returns the time. */
  used(): number;
  /** Something waits. */
  pump(): void;
  deadLetterTransfer(message: StoredMessage, why: DeadLetter): void;
}

/** Bytes of the broker's memory that messages need, kept once. */
export function roomFor(contents: readonly Content[]): number {
  return contents.reduce((bytes, content) => bytes + content.size + MESSAGE_OVERHEAD, 0);
}

/** How messages come into a queue: checked, told from duplicates, scheduled, and given their number and their time. */
export class Arrivals {
  readonly #host: ArrivalsHost;
  readonly #shelf: Shelf;
  readonly #context: QueueContext;
  readonly #place: Place | undefined;
  readonly #history: DuplicateHistory;

  constructor(host: ArrivalsHost, shelf: Shelf, context: QueueContext, place: Place | undefined) {
    this.#host = host;
    this.#shelf = shelf;
    this.#context = context;
    this.#place = place;
    this.#history = new DuplicateHistory(context.memory);
  }

  /**
   * Takes messages, all or none: refused if the entity is disabled or full, a session id is missing, or the broker is
   * full.
   * @returns their sequence numbers, in the same order.
   */
  send(contents: readonly Content[]): number[] {
    this.check(contents);
    this.#context.memory.check(roomFor(contents), this.#host.path);
    return this.take(contents);
  }

  /** Takes messages that were checked. */
  take(contents: readonly Content[]): number[] {
    const now = this.#host.used();
    const numbers = contents.map((content) => this.#admit(content, now, undefined));
    this.#host.pump();
    return numbers;
  }

  /** Refuses messages that the entity does not take, now. */
  check(contents: readonly Content[]): void {
    const { path, rules, size } = this.#host;
    checkAdmissible(path, rules, contents);
    size.check(
      contents.reduce((bytes, content) => bytes + content.size, 0),
      rules.maxBytes,
    );
  }

  /** Takes a message that another entity passes on. The memory for it is what it had there. */
  forwarded(content: Content, how: Forwarded): void {
    this.check([content]);
    this.#admit(content, this.#host.used(), how);
    this.#host.pump();
  }

  /**
   * Takes messages that are to go on to another entity from here: refused as by `send`; what the destination refuses
   * goes to the transfer dead-letter queue.
   */
  sendVia(contents: readonly Content[], destination: string): number[] {
    this.checkVia(contents);
    this.#context.memory.check(roomFor(contents), this.#host.path);
    return this.takeVia(contents, destination);
  }

  /** Refuses messages that cannot pass through this entity, now. */
  checkVia(contents: readonly Content[]): void {
    const { path, rules } = this.#host;
    checkAdmissible(path, { ...rules, requiresSession: false }, contents);
  }

  /** Passes on messages that were checked. */
  takeVia(contents: readonly Content[], destination: string): number[] {
    const now = this.#host.used();
    return contents.map((content) => {
      const sequenceNumber = this.#shelf.nextSequenceNumber();
      const timeToLiveMs = content.timeToLiveMs ?? Number.POSITIVE_INFINITY;
      const target = this.#context.forwardTarget(destination);
      const how = { enqueuedSequenceNumber: sequenceNumber, timeToLiveMs, hops: 1 };
      const failure = passOn(content, { name: destination, target }, how);
      if (failure !== undefined) {
        const numbers = { sequenceNumber, enqueuedSequenceNumber: sequenceNumber, enqueuedAt: now };
        this.#host.deadLetterTransfer(this.#shelf.store(content, numbers), failure);
      }
      return sequenceNumber;
    });
  }

  /** Stores a message and lets it wait. */
  enqueue(content: Content, sequenceNumber: number, now: number, how: Forwarded | undefined): StoredMessage {
    const own = content.timeToLiveMs ?? Number.POSITIVE_INFINITY;
    const message = this.#shelf.store(content, {
      sequenceNumber,
      enqueuedSequenceNumber: how?.enqueuedSequenceNumber ?? sequenceNumber,
      enqueuedAt: now,
      expiresAt: now + Math.min(this.#host.rules.timeToLiveMs, own, how?.timeToLiveMs ?? Number.POSITIVE_INFINITY),
      hops: how?.hops ?? 0,
    });
    this.#shelf.wait(message, false);
    return message;
  }

  /** Takes a message that another queue dead-lettered: its content, age and deliveries stay, its number is new. */
  adopt(from: StoredMessage, changes: PropertyChanges): void {
    const message = this.#shelf.store(from.content, {
      sequenceNumber: this.#shelf.nextSequenceNumber(),
      enqueuedSequenceNumber: from.sequenceNumber,
      enqueuedAt: from.enqueuedAt,
      deliveryCount: from.deliveryCount,
      hops: from.hops,
      changes,
    });
    this.#shelf.wait(message, false);
    this.#host.pump();
  }

  /** Enqueues a scheduled message whose time has come, anew as the service does: with a new number and its whole life. */
  scheduledDue(message: StoredMessage, now: number): void {
    const { content, hops, enqueuedSequenceNumber } = message;
    const timeToLiveMs = Number.POSITIVE_INFINITY;
    this.#shelf.remove(message);
    this.#arrive(
      content,
      this.#shelf.nextSequenceNumber(),
      now,
      hops === 0 ? undefined : { enqueuedSequenceNumber, timeToLiveMs, hops },
    );
    this.#host.pump();
  }

  /** What duplicates are told by, with the time at which each was first seen; the oldest first. */
  seen(): Iterable<readonly [string, number]> {
    return this.#history.entries();
  }

  restoreSeen(seen: Iterable<readonly [string, number]>): void {
    for (const [identity, at] of seen) {
      this.#history.remember(identity, at);
    }
  }

  /** Forgets which messages it has seen. */
  close(): void {
    this.#history.clear();
  }

  #admit(content: Content, now: number, how: Forwarded | undefined): number {
    const { requiresDuplicateDetection, duplicateWindowMs } = this.#host.rules;
    const sequenceNumber = this.#shelf.nextSequenceNumber();
    if (requiresDuplicateDetection && this.#history.isDuplicate(this.#identity(content), now, duplicateWindowMs)) {
      return sequenceNumber;
    }
    if (requiresDuplicateDetection) {
      this.#context.journal?.seen(this.#host.path, this.#identity(content), now);
    }
    if (content.scheduledAt !== undefined && content.scheduledAt > now) {
      const enqueuedSequenceNumber = how?.enqueuedSequenceNumber ?? sequenceNumber;
      const numbers = { sequenceNumber, enqueuedSequenceNumber, enqueuedAt: now, hops: how?.hops ?? 0 };
      this.#shelf.schedule(this.#shelf.store(content, numbers), content.scheduledAt);
    } else {
      this.#arrive(content, sequenceNumber, now, how);
    }
    return sequenceNumber;
  }

  #arrive(content: Content, sequenceNumber: number, now: number, how: Forwarded | undefined): void {
    if (this.#place !== undefined) {
      this.#place(content, sequenceNumber, how);
    } else {
      this.enqueue(content, sequenceNumber, now, how);
    }
  }

  /** What a duplicate is known by: the message id, within its partition where the entity has some. */
  #identity({ messageId, partitionKey }: Content): string {
    const partitioned = this.#host.rules.enablePartitioning && partitionKey !== undefined;
    return partitioned ? `${partitionKey}\n${messageId}` : messageId;
  }
}
