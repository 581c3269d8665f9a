import type { Filter } from "./filters.js";
import type { Queue } from "./queue.js";
import { type QueueSettings, settingsOf } from "./settings.js";
import type { EntityTimes } from "./times.js";
import type { Topic } from "./topic.js";

/** How many messages a queue or subscription holds; of a topic, what it has not given to its subscriptions yet. */
export interface EntityCounts {
  /** Waiting for a receiver, or locked by one. */
  readonly active: number;
  /** Of the active ones, those that a receiver holds. */
  readonly locked: number;
  readonly deferred: number;
  readonly scheduled: number;
  /** In the entity's dead-letter queue, waiting, locked or deferred. */
  readonly deadLetter: number;
  /** Waiting to be passed on to the entity named in `forwardTo`, or from the dead-letter queue to where its letters go. */
  readonly transfer: number;
  /** Could not be passed on: in `$Transfer/$DeadLetterQueue`. */
  readonly transferDeadLetter: number;
  /** Bytes held, sub-queues included, with the broker's own cost of each message. */
  readonly bytes: number;
  /** Bytes of the messages as they were sent, sub-queues included; a topic's with its subscriptions. What quotas count. */
  readonly sizeInBytes: number;
}

export interface EntityInfo {
  readonly kind: "queue" | "topic" | "subscription";
  /** As in an address: `orders`, `events`, `events/Subscriptions/audit`. */
  readonly path: string;
  readonly status: string;
  readonly requiresSession: boolean;
  readonly lockDurationSeconds: number;
  readonly maxDeliveryCount: number;
  /** All settings, defaults included, as `put*` takes them; those that the kind does not have stand at their defaults. */
  readonly settings: QueueSettings;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** The last send, receive, settlement, peek or attach; undefined before the first. */
  readonly accessedAt: number | undefined;
  /** A subscription's rules by name. */
  readonly rules?: Readonly<Record<string, Filter>>;
  readonly counts: EntityCounts;
}

export function countQueue(queue: Queue): EntityCounts {
  const { active, locked, deferred, scheduled, transfer, bytes, contentBytes } = queue.counts();
  const dead = queue.deadLetters?.counts();
  const lost = queue.transferDeadLetters?.made?.counts();
  const isSubQueue = queue.deadLetters === undefined;
  return {
    active,
    locked,
    deferred,
    scheduled,
    deadLetter: dead === undefined ? 0 : dead.active + dead.deferred,
    transfer: transfer + (dead?.transfer ?? 0),
    transferDeadLetter: lost === undefined || isSubQueue ? 0 : lost.active + lost.deferred,
    bytes: bytes + (dead?.bytes ?? 0) + (isSubQueue ? 0 : (lost?.bytes ?? 0)),
    sizeInBytes: contentBytes + (dead?.contentBytes ?? 0) + (isSubQueue ? 0 : (lost?.contentBytes ?? 0)),
  };
}

export function countTopic(topic: Topic): EntityCounts {
  const { scheduled, bytes } = topic.counts();
  const lost = topic.transferDeadLetters.made?.counts();
  return {
    active: 0,
    locked: 0,
    deferred: 0,
    scheduled,
    deadLetter: 0,
    transfer: 0,
    transferDeadLetter: lost === undefined ? 0 : lost.active + lost.deferred,
    bytes: bytes + (lost?.bytes ?? 0),
    sizeInBytes: topic.size.bytes,
  };
}

function describe(entity: Pick<Queue, "path" | "rules"> & { readonly times: EntityTimes }) {
  const { path, rules, times } = entity;
  return {
    path,
    status: rules.status,
    requiresSession: rules.requiresSession,
    lockDurationSeconds: rules.lockMs / 1_000,
    maxDeliveryCount: rules.maxDeliveryCount,
    settings: settingsOf(rules),
    createdAt: times.createdAt,
    updatedAt: times.updatedAt,
    accessedAt: times.accessedAt,
  };
}

export function describeQueue(kind: "queue" | "subscription", queue: Queue): EntityInfo {
  return { kind, ...describe(queue), counts: countQueue(queue) };
}

export function describeTopic(topic: Topic): EntityInfo {
  return { kind: "topic", ...describe(topic), counts: countTopic(topic) };
}
