import { MessageState, type StoredMessage } from "./message.js";

/** Dead entries tolerated before the list is swept. */
const SLACK = 64;

/**
 * Messages waiting for a receiver, in order of their sequence numbers. New ones join at the end; one that comes back
 * is older than every new one, so it goes into a small heap that is emptied first.
 */
export class ReadyList {
  #fresh: StoredMessage[] = [];
  #head = 0;
  readonly #returned: StoredMessage[] = [];
  #size = 0;
  #dead = 0;

  /** How many are waiting. */
  get size(): number {
    return this.#size;
  }

  append(message: StoredMessage): void {
    this.#fresh.push(message);
    this.#size++;
  }

  /** Puts back a message that was taken. */
  giveBack(message: StoredMessage): void {
    const heap = this.#returned;
    let slot = heap.length;
    heap.push(message);
    while (slot > 0) {
      const above = (slot - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || parent.sequenceNumber <= message.sequenceNumber) {
        break;
      }
      heap[slot] = parent;
      slot = above;
    }
    heap[slot] = message;
    this.#size++;
  }

  /** Takes the oldest; the caller changes its state. */
  take(): StoredMessage | undefined {
    for (;;) {
      const message = this.#returned.length > 0 ? this.#takeReturned() : this.#takeFresh();
      if (message === undefined) {
        return undefined;
      }
      if (message.state === MessageState.Active) {
        this.#size--;
        return message;
      }
      this.#dead--;
    }
  }

  /** Says that a waiting message is no longer active; call it after its state was changed. */
  dropped(): void {
    this.#size--;
    this.#dead++;
    if (this.#dead > SLACK && this.#dead > this.#size) {
      this.#sweep();
    }
  }

  #takeFresh(): StoredMessage | undefined {
    const message = this.#fresh[this.#head];
    if (message === undefined) {
      return undefined;
    }
    this.#head++;
    // Copying the rest away once half is used keeps taking at constant cost.
    if (this.#head === this.#fresh.length) {
      this.#fresh.length = 0;
      this.#head = 0;
    } else if (this.#head > 1_024 && this.#head * 2 > this.#fresh.length) {
      this.#fresh = this.#fresh.slice(this.#head);
      this.#head = 0;
    }
    return message;
  }

  #takeReturned(): StoredMessage | undefined {
    const heap = this.#returned;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || last === top) {
      return top;
    }
    let slot = 0;
    for (;;) {
      let below = 2 * slot + 1;
      const left = heap[below];
      const right = heap[below + 1];
      let child = left;
      if (left !== undefined && right !== undefined && right.sequenceNumber < left.sequenceNumber) {
        child = right;
        below++;
      }
      if (child === undefined || child.sequenceNumber >= last.sequenceNumber) {
        break;
      }
      heap[slot] = child;
      slot = below;
    }
    heap[slot] = last;
    return top;
  }

  #sweep(): void {
    const waiting = (message: StoredMessage): boolean => message.state === MessageState.Active;
    this.#fresh = this.#fresh.slice(this.#head).filter(waiting);
    this.#head = 0;
    const returned = this.#returned.filter(waiting);
    this.#returned.length = 0;
    this.#size -= returned.length;
    for (const message of returned) {
      this.giveBack(message);
    }
    this.#dead = 0;
  }
}
