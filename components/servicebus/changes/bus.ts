import type { QueueArgs, ServiceBusEntitiesArgs, TopicArgs } from "../args.js";
import { hopsOf } from "../forwarding.js";
import { nameKey } from "../hops.js";
import { partitioned } from "../partitions.js";
import { queueChanges, topicChanges } from "./entities.js";
import { ChangeEffect, type ChangeViolation, violation } from "./violation.js";

/**
 * What a change of a bus's queues, topics, subscriptions and rules does beyond what was asked for; nothing where it is
 * safe. What is added is safe; the namespace has a table of its own. Both must be valid.
 */
export function entityChanges(before: ServiceBusEntitiesArgs, after: ServiceBusEntitiesArgs): ChangeViolation[] {
  return [
    ...kindChanges(
      "queues",
      stated(before.queues, before),
      stated(after.queues, after),
      after.topics ?? {},
      queueChanges,
    ),
    ...kindChanges(
      "topics",
      stated(before.topics, before),
      stated(after.topics, after),
      after.queues ?? {},
      topicChanges,
    ),
  ].map((each) => withForwarders(each, before));
}

type Entities<T> = { [name: string]: T };

/** The entities with their partitioning said, as it has another default on another namespace. */
function stated<T extends QueueArgs | TopicArgs>(entities: Entities<T> = {}, of: ServiceBusEntitiesArgs): Entities<T> {
  const enablePartitioning = partitioned(of.namespace);
  return Object.fromEntries(Object.entries(entities).map(([name, args]) => [name, { enablePartitioning, ...args }]));
}

function kindChanges<T extends QueueArgs | TopicArgs>(
  kind: "queues" | "topics",
  before: Entities<T>,
  after: Entities<T>,
  others: object,
  changes: (path: string, old: T, now: T) => ChangeViolation[],
): ChangeViolation[] {
  const names = new Map(Object.keys(after).map((name) => [nameKey(name), name]));
  const taken = new Set(Object.keys(others).map(nameKey));
  return Object.entries(before).flatMap(([name, old]) => {
    const path = `${kind}.${name}`;
    const now = after[name];
    return now === undefined ? [removed(path, name, names.get(nameKey(name)), taken)] : changes(path, old, now);
  });
}

/** Pulumi makes what is new before it deletes what is gone, so that a name cannot pass from one to the other. */
function removed(path: string, name: string, other: string | undefined, taken: Set<string>): ChangeViolation {
  const { LosesMessages, Refused } = ChangeEffect;
  if (other !== undefined) {
    const reason = `is written ${other} now: to Azure that is the same name, and what it has already cannot be made`;
    return violation(Refused, path, other, reason, `Keep ${name}`);
  }
  if (taken.has(nameKey(name))) {
    const reason = `is ${path.startsWith("queues.") ? "a topic" : "a queue"} now, which cannot be made while this is there`;
    return violation(Refused, path, undefined, reason, "Take it away in one deployment and add the other in the next");
  }
  const what = path.startsWith("queues.") ? "its messages" : "its subscriptions and the messages in them";
  const reason = `is deleted with ${what}, and with those that are dead-lettered`;
  return violation(LosesMessages, path, undefined, reason, "Empty it first");
}

const REPLACED = /^(?:queues|topics)\.(.+)\.(?:requiresSession|requiresDuplicateDetection|enablePartitioning)$/;

/** While an entity is away, what forwards to it has nowhere to forward to. */
function withForwarders(each: ChangeViolation, before: ServiceBusEntitiesArgs): ChangeViolation {
  const name = REPLACED.exec(each.path)?.[1];
  const from = hopsOf(before).filter(({ to }) => to === name);
  if (from.length === 0) return each;
  const reason = `${each.reason}; meanwhile ${from.map(({ path }) => path).join(" and ")} dead-letters what it forwards`;
  return { ...each, reason };
}
