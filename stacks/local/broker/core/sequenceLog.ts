import type { StoredMessage } from "./message.js";

/** Sequence numbers a chunk covers. */
const SPAN = 1_024;

interface Chunk {
  readonly slots: (StoredMessage | undefined)[];
  live: number;
}

/**
 * The messages of a queue by sequence number. Numbers only grow, so chunks lie in order, a chunk goes when its last
 * message goes, and a single old message keeps one chunk alive and not all that came after it.
 */
export class SequenceLog {
  readonly #chunks = new Map<number, Chunk>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(message: StoredMessage): void {
    const key = Math.floor(message.sequenceNumber / SPAN);
    let chunk = this.#chunks.get(key);
    if (chunk === undefined) {
      chunk = { slots: [], live: 0 };
      this.#chunks.set(key, chunk);
    }
    chunk.slots[message.sequenceNumber % SPAN] = message;
    chunk.live++;
    this.#size++;
  }

  get(sequenceNumber: number): StoredMessage | undefined {
    return this.#chunks.get(Math.floor(sequenceNumber / SPAN))?.slots[sequenceNumber % SPAN];
  }

  delete(message: StoredMessage): void {
    const key = Math.floor(message.sequenceNumber / SPAN);
    const chunk = this.#chunks.get(key);
    if (chunk === undefined || chunk.slots[message.sequenceNumber % SPAN] !== message) {
      return;
    }
    chunk.slots[message.sequenceNumber % SPAN] = undefined;
    chunk.live--;
    this.#size--;
    if (chunk.live === 0) {
      this.#chunks.delete(key);
    }
  }

  /** Messages in order of their numbers, beginning with `sequenceNumber` or the next one there is. */
  *from(sequenceNumber: number): Generator<StoredMessage> {
    const first = Math.floor(sequenceNumber / SPAN);
    for (const [key, chunk] of this.#chunks) {
      if (key < first) {
        continue;
      }
      for (const message of chunk.slots) {
        if (message !== undefined && message.sequenceNumber >= sequenceNumber) {
          yield message;
        }
      }
    }
  }
}
