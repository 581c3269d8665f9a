import type { QueueContext } from "./context.js";
import { EntitySize } from "./entitySize.js";
import { entityNotFound } from "./errors.js";
import { Queue } from "./queue.js";
import type { QueueOptions } from "./queueOptions.js";
import { type EntityRules, refuseReplacement, sameRules } from "./settings.js";
import { EntityTimes } from "./times.js";

// A queue or subscription and the queues that belong to it: dead letters, and messages that could not be passed on.

/** The sub-queue of dead letters, as it is spelled in an address. */
export const DEAD_LETTER_QUEUE = "$DeadLetterQueue";
/** The sub-queue of messages that could not be passed on to another entity. */
export const TRANSFER_DEAD_LETTER_QUEUE = `$Transfer/${DEAD_LETTER_QUEUE}`;

/** What the parts of one entity share. */
export type Shared = Pick<QueueOptions, "size" | "times">;

/** A sub-queue keeps what it gets: no sessions, no expiry, no second dead-lettering, no forwarding of its own. */
function subQueueRules(rules: EntityRules): EntityRules {
  return {
    ...rules,
    requiresSession: false,
    timeToLiveMs: Number.POSITIVE_INFINITY,
    deadLetteringOnMessageExpiration: false,
    requiresDuplicateDetection: false,
    forwardTo: undefined,
    forwardDeadLettersTo: undefined,
  };
}

function deadLetterRules(rules: EntityRules): EntityRules {
  return { ...subQueueRules(rules), forwardTo: rules.forwardDeadLettersTo };
}

/** A sub-queue that is made when it is first asked for: most entities never need one. */
export class SubQueue {
  readonly #make: () => Queue;
  readonly #rules: () => EntityRules;
  #queue: Queue | undefined;

  constructor(context: QueueContext, path: string, rules: () => EntityRules, shared: Shared) {
    this.#rules = () => subQueueRules(rules());
    this.#make = () => new Queue(context, path, this.#rules(), shared);
  }

  /** The queue, if it was ever asked for. */
  get made(): Queue | undefined {
    return this.#queue;
  }

  open(): Queue {
    this.#queue ??= this.#make();
    return this.#queue;
  }

  update(): void {
    this.#queue?.update(this.#rules());
  }

  close(): void {
    this.#queue?.close(entityNotFound(this.#queue.path));
  }
}

export interface FamilyOptions {
  /** A subscription's topic, whose size and use are its own. */
  readonly topic?: Shared;
  /** Called when nobody used the entity for the time its rules give. */
  readonly idle: () => void;
}

/** Makes a queue or subscription with all that belongs to it. */
export function makeQueue(context: QueueContext, path: string, rules: EntityRules, options: FamilyOptions): Queue {
  const { clock, deadlines } = context;
  const { topic, idle } = options;
  const busy = (): boolean => isHeld(queue) || queue.counts().scheduled > 0;
  const times = new EntityTimes({ clock, deadlines, busy, idle, parent: topic?.times });
  const shared = { size: topic?.size ?? new EntitySize("Queue", path), times };
  const transferDeadLetters: SubQueue = new SubQueue(
    context,
    `${path}/${TRANSFER_DEAD_LETTER_QUEUE}`,
    () => queue.rules,
    shared,
  );
  const deadLetters = new Queue(context, `${path}/${DEAD_LETTER_QUEUE}`, deadLetterRules(rules), {
    ...shared,
    transferDeadLetters,
    deadLetterSource: path,
  });
  const queue: Queue = new Queue(context, path, rules, { ...shared, deadLetters, transferDeadLetters });
  times.watch(rules.autoDeleteMs);
  return queue;
}

/** Changes a queue's settings and those of what belongs to it; the same settings again change nothing. */
export function updateQueue(queue: Queue, rules: EntityRules): void {
  if (sameRules(queue.rules, rules)) {
    return;
  }
  refuseReplacement(queue.path, queue.rules, rules);
  queue.times.updatedAt = queue.clock.now();
  queue.times.watch(rules.autoDeleteMs);
  queue.update(rules);
  queue.deadLetters?.update(deadLetterRules(rules));
  queue.transferDeadLetters?.update();
}

/** Ends a queue and what belongs to it. */
export function closeQueue(queue: Queue): void {
  queue.times.stop();
  queue.close(entityNotFound(queue.path));
  queue.deadLetters?.close(entityNotFound(queue.deadLetters.path));
  queue.transferDeadLetters?.close();
}

/** Whether any link holds on to the queue or what belongs to it. */
export function isHeld(queue: Queue): boolean {
  const parts = [queue, queue.deadLetters, queue.transferDeadLetters?.made];
  return parts.some((part) => part !== undefined && part.attachments.size > 0);
}
