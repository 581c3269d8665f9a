import type { Clock } from "./clock.js";

/** Something that is due at a moment. The two fields belong to `Deadlines`; start them at 0 and -1. */
export interface Deadline {
  deadlineAt: number;
  deadlineSlot: number;
  /** Of those due at the same moment, the lower comes first; without it, before all that have one. */
  readonly sequenceNumber?: number;
  due(now: number): void;
}

/** Messages that are scheduled for the same moment arrive in the order in which they were sent. */
function before(a: Deadline, b: Deadline): boolean {
  return (
    a.deadlineAt < b.deadlineAt || (a.deadlineAt === b.deadlineAt && (a.sequenceNumber ?? 0) < (b.sequenceNumber ?? 0))
  );
}

/** How many due items run in one turn of the event loop, so that a mass expiry does not starve the sockets. */
const BATCH = 2_000;

/**
 * All deadlines of a broker on one timer: a binary heap in which every item knows its place, so that setting, moving
 * and clearing one cost O(log n) and a cleared one leaves nothing behind.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #heap: Deadline[] = [];
  #cancel: (() => void) | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Sets an item's deadline, or moves the one it has. */
  set(item: Deadline, at: number): void {
    item.deadlineAt = at;
    if (item.deadlineSlot < 0) {
      item.deadlineSlot = this.#heap.length;
      this.#heap.push(item);
    }
    this.#settle(item);
    // A head that moved later needs no new timer: the old one fires, finds nothing due and is set again.
    if (at < this.#armedFor) {
      this.#arm(at);
    }
  }

  /** Takes an item's deadline away; one that has none stays as it is. */
  clear(item: Deadline): void {
    const slot = item.deadlineSlot;
    if (slot < 0) {
      return;
    }
    item.deadlineSlot = -1;
    const last = this.#heap.pop();
    if (last !== undefined && last !== item) {
      this.#place(last, slot);
      this.#settle(last);
    }
  }

  /** Forgets everything and stops the timer. */
  close(): void {
    for (const item of this.#heap) {
      item.deadlineSlot = -1;
    }
    this.#heap.length = 0;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #arm(at: number): void {
    this.#cancel?.();
    this.#armedFor = at;
    this.#cancel = this.#clock.after(Math.max(0, at - this.#clock.now()), () => this.#run());
  }

  #run(): void {
    this.#cancel = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    for (let done = 0; done < BATCH; done++) {
      const head = this.#heap[0];
      if (head === undefined || head.deadlineAt > now) {
        break;
      }
      this.clear(head);
      head.due(now);
    }
    const head = this.#heap[0];
    if (head !== undefined && head.deadlineAt < this.#armedFor) {
      this.#arm(head.deadlineAt);
    }
  }

  #place(item: Deadline, slot: number): void {
    item.deadlineSlot = slot;
    this.#heap[slot] = item;
  }

  /** Moves an item up or down until its parent is due before it and its children after it. */
  #settle(item: Deadline): void {
    const heap = this.#heap;
    let slot = item.deadlineSlot;
    while (slot > 0) {
      const above = (slot - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !before(item, parent)) {
        break;
      }
      this.#place(parent, slot);
      slot = above;
    }
    for (;;) {
      const left = heap[2 * slot + 1];
      const right = heap[2 * slot + 2];
      const child = right !== undefined && left !== undefined && before(right, left) ? right : left;
      if (child === undefined || !before(child, item)) {
        break;
      }
      const below = child.deadlineSlot;
      this.#place(child, slot);
      slot = below;
    }
    this.#place(item, slot);
  }
}
