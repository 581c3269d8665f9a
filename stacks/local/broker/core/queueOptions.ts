import type { Place } from "./arrivals.js";
import type { EntitySize } from "./entitySize.js";
import type { SubQueue } from "./family.js";
import type { QueueCounts } from "./holdings.js";
import type { Queue } from "./queue.js";
import type { EntityTimes } from "./times.js";

/** Messages of a queue by what becomes of them, with those on their way to another entity. */
export interface QueueTotals extends QueueCounts {
  /** Waiting to be passed on to the entity named in `forwardTo`; not among the active ones. */
  readonly transfer: number;
}

/** How far a queue has come, apart from what it holds. */
export interface QueueProgress {
  readonly lastSequenceNumber: number;
  /** What duplicates are told by, with the time at which it was first seen, in milliseconds since 1970; oldest first. */
  readonly seen: Iterable<readonly [identity: string, at: number]>;
}

export interface QueueOptions {
  /** Counts the bytes of the whole entity, of which this queue may be a part. */
  readonly size: EntitySize;
  /** Times of the whole entity. */
  readonly times: EntityTimes;
  /** Where dead letters go; a dead-letter queue has none. */
  readonly deadLetters?: Queue;
  /** Where messages go that cannot be passed on. */
  readonly transferDeadLetters?: SubQueue;
  /** Of a dead-letter queue: the entity whose dead letters it holds, told where they go on from here. */
  readonly deadLetterSource?: string;
  /** A topic's: called for every message that has arrived, in place of keeping it here. */
  readonly place?: Place;
}
