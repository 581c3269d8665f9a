import type { MemoryLedger } from "./memory.js";

/** What one remembered id costs beside its characters. */
const ENTRY_OVERHEAD = 96;

/** The message ids an entity has taken within its window; a second message with one of them is taken and dropped. */
export class DuplicateHistory {
  readonly #memory: MemoryLedger;
  readonly #seen = new Map<string, number>();

  constructor(memory: MemoryLedger) {
    this.#memory = memory;
  }

  get size(): number {
    return this.#seen.size;
  }

  /** Remembers an id. True if it was already there within the window. */
  isDuplicate(messageId: string, now: number, windowMs: number): boolean {
    // Entries lie in order of time: the old ones are in front.
    for (const [id, at] of this.#seen) {
      if (at + windowMs > now) {
        break;
      }
      this.#forget(id);
    }
    const before = this.#seen.get(messageId);
    if (before !== undefined && before + windowMs > now) {
      return true;
    }
    if (before !== undefined) {
      this.#forget(messageId);
    }
    this.remember(messageId, now);
    return false;
  }

  /** Remembers an id that was first seen then; ids come in order of their times. */
  remember(messageId: string, at: number): void {
    this.#seen.set(messageId, at);
    this.#memory.take(messageId.length * 2 + ENTRY_OVERHEAD);
  }

  /** Ids with the times at which they were first seen, the oldest first. */
  entries(): Iterable<readonly [string, number]> {
    return this.#seen;
  }

  clear(): void {
    for (const id of this.#seen.keys()) {
      this.#forget(id);
    }
  }

  #forget(id: string): void {
    this.#seen.delete(id);
    this.#memory.release(id.length * 2 + ENTRY_OVERHEAD);
  }
}
