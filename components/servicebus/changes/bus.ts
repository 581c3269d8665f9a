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
  const forwarders = forwardersByTarget(before);
  return [
    ...kindChanges(
      "queues",
      stated(before.queues, before),
      stated(after.queues, after),
      after.topics ?? {},
      (...each) => withForwarders(each[0], queueChanges(...each), forwarders),
    ),
    ...kindChanges(
      "topics",
      stated(before.topics, before),
      stated(after.topics, after),
      after.queues ?? {},
      (...each) => withForwarders(each[0], topicChanges(...each), forwarders),
    ),
  ];
}

/** The settings that forward to each queue and topic, by its path in the args. */
function forwardersByTarget(args: ServiceBusEntitiesArgs): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { path, to } of hopsOf(args)) {
    const target = args.queues?.[to] === undefined ? `topics.${to}` : `queues.${to}`;
    found.set(target, [...(found.get(target) ?? []), path]);
  }
  return found;
}

/** While an entity is away to be replaced, what forwards to it has nowhere to forward to. */
function withForwarders(path: string, found: ChangeViolation[], forwarders: Map<string, string[]>): ChangeViolation[] {
  const from = forwarders.get(path) ?? [];
  const replacing = ["requiresSession", "requiresDuplicateDetection", "enablePartitioning"].map(
    (each) => `${path}.${each}`,
  );
  return found.map((each) => {
    if (from.length === 0 || !replacing.includes(each.path)) return each;
    return { ...each, reason: `${each.reason}; meanwhile what ${from.join(" and ")} would forward is dead-lettered` };
  });
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
