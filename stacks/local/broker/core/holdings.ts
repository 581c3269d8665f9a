import type { EntitySize } from "./entitySize.js";
import { BrokerError, BrokerErrorCode } from "./errors.js";
import type { Journal } from "./journal.js";
import { MESSAGE_OVERHEAD, type MemoryLedger } from "./memory.js";
import { type MessageChange, MessageState, type StoredMessage } from "./message.js";
import { SequenceLog } from "./sequenceLog.js";

/** Messages of a queue by what becomes of them. */
export interface QueueCounts {
  /** Waiting for a receiver, or locked by one. */
  readonly active: number;
  /** Of these, locked. */
  readonly locked: number;
  readonly deferred: number;
  readonly scheduled: number;
  /** Bytes, with the broker's own cost of each message. */
  readonly bytes: number;
  /** Bytes of the messages alone, as they were sent. */
  readonly contentBytes: number;
}

/**
 * All messages of a queue, whatever their state, and how many there are of each. A message is added, moved, changed
 * and deleted here and nowhere else: what is to follow every change of what a queue holds follows these four.
 */
export class Holdings {
  readonly #path: string;
  readonly #memory: MemoryLedger;
  readonly #log = new SequenceLog();
  readonly #by: Record<MessageState, number> = { active: 0, taken: 0, locked: 0, deferred: 0, scheduled: 0, gone: 0 };
  readonly #size: EntitySize;
  readonly #journal: Journal | undefined;
  #contentBytes = 0;

  constructor(path: string, memory: MemoryLedger, size: EntitySize, journal: Journal | undefined) {
    this.#journal = journal;
    this.#path = path;
    this.#memory = memory;
    this.#size = size;
  }

  add(message: StoredMessage): void {
    this.#log.add(message);
    this.#by[message.state]++;
    this.#contentBytes += message.content.size;
    this.#size.bytes += message.content.size;
    this.#memory.take(message.cost);
    this.#journal?.added(message);
  }

  move(message: StoredMessage, state: MessageState): void {
    this.#by[message.state]--;
    message.state = state;
    this.#by[state]++;
    this.#journal?.moved(message);
  }

  change(message: StoredMessage, { deliveryCount, changes }: MessageChange): void {
    if (deliveryCount !== undefined) {
      message.deliveryCount = deliveryCount;
    }
    if (changes !== undefined) {
      message.changes = changes;
    }
    this.#journal?.changed(message);
  }

  delete(message: StoredMessage): void {
    this.#log.delete(message);
    this.#by[message.state]--;
    message.state = MessageState.Gone;
    this.#contentBytes -= message.content.size;
    this.#size.bytes -= message.content.size;
    this.#memory.release(message.cost);
    this.#journal?.deleted(message);
  }

  /** The message with that number, if it is in that state; otherwise refused with MessageNotFound. */
  find(sequenceNumber: number, state: MessageState): StoredMessage {
    const message = this.#log.get(sequenceNumber);
    if (message === undefined || message.state !== state) {
      throw new BrokerError(
        BrokerErrorCode.MessageNotFound,
        `Failed to lock one or more specified messages. The message does not exist: '${this.#path}' has no ${state} message with the sequence number ${sequenceNumber}.`,
      );
    }
    return message;
  }

  /** In order of their numbers, beginning with `sequenceNumber` or the next one there is. */
  from(sequenceNumber: number): Iterable<StoredMessage> {
    return this.#log.from(sequenceNumber);
  }

  counts(): QueueCounts {
    const { active, taken, locked, deferred, scheduled } = this.#by;
    const contentBytes = this.#contentBytes;
    const bytes = contentBytes + this.#log.size * MESSAGE_OVERHEAD;
    return { active: active + taken + locked, locked, deferred, scheduled, bytes, contentBytes };
  }
}
