import { type Problem, problem } from "../../runtime/contract/index.js";
import { type ServiceBusEntitiesArgs, type ServiceBusNamespaceArgs, ServiceBusTier } from "./args.js";
import { rulesOf } from "./rules.js";

/** How many there may be of everything. Source: the service's quotas. */
export const ServiceBusQuotas = {
  /** Queues and topics of a namespace together, on Basic and Standard. */
  entities: 10_000,
  /** Queues and topics together, for each messaging unit of a Premium namespace. */
  entitiesPerUnit: 1_000,
  /** Partitioned queues and topics of a namespace together, on Basic and Standard. */
  partitioned: 100,
  subscriptionsPerTopic: 2_000,
  sqlFiltersPerTopic: 2_000,
  correlationFiltersPerTopic: 100_000,
} as const;

/** More of something than the service takes. */
export function quotaProblems(args: ServiceBusEntitiesArgs): Problem[] {
  return [
    ...entityProblems(args),
    ...partitionedProblems(args),
    ...Object.entries(args.topics ?? {}).flatMap(([name, topic]) => topicProblems(name, topic)),
  ];
}

/** Queues and topics that a namespace may have, and what gives it that many. */
function entityQuota(namespace: ServiceBusNamespaceArgs): { most: number; why: string; fix: string } {
  const { entities, entitiesPerUnit } = ServiceBusQuotas;
  if (namespace.tier !== ServiceBusTier.Premium)
    return { most: entities, why: `on ${namespace.tier}`, fix: "Use a second namespace" };
  const { autoscale, premiumMessagingPartitions: partitions = 1 } = namespace;
  // With autoscaling there may be as few as its fewest at any time.
  const units = autoscale?.minUnits ?? namespace.capacity ?? partitions;
  return {
    most: entitiesPerUnit * units,
    why: `on Premium with ${units} messaging ${units === 1 ? "unit" : "units"}, ${entitiesPerUnit} for each`,
    fix: `Raise namespace.${autoscale === undefined ? "capacity" : "autoscale.minUnits"}, or use a second namespace`,
  };
}

function entityProblems({ namespace, queues = {}, topics = {} }: ServiceBusEntitiesArgs): Problem[] {
  const [some, others] = [Object.keys(queues).length, Object.keys(topics).length];
  const { most, why, fix } = entityQuota(namespace);
  if (some + others <= most) return [];
  const reason = `are ${some + others} with the ${some === 0 ? "queues" : "topics"}, and may be at most ${most} ${why}`;
  return [problem(some === 0 ? "topics" : "queues", some === 0 ? others : some, reason, fix)];
}

function partitionedProblems({ namespace, queues = {}, topics = {} }: ServiceBusEntitiesArgs): Problem[] {
  if (namespace.tier === ServiceBusTier.Premium) return [];
  const count = [...Object.values(queues), ...Object.values(topics)].filter((e) => e.enablePartitioning).length;
  const { partitioned } = ServiceBusQuotas;
  if (count <= partitioned) return [];
  const first = Object.values(queues).some((queue) => queue.enablePartitioning) ? "queues" : "topics";
  return [
    problem(
      first,
      count,
      `have enablePartitioning ${count} times with the ${first === "queues" ? "topics" : "queues"}, ` +
        `and may have it at most ${partitioned} times on ${namespace.tier}`,
      "Leave it out where one broker is fast enough, or use Premium with premiumMessagingPartitions",
    ),
  ];
}

type Topic = NonNullable<ServiceBusEntitiesArgs["topics"]>[string];

/** How many filters of each kind a topic's rules have. */
export function filtersOf(name: string, topic: Topic): { sql: number; correlation: number } {
  const rules = rulesOf(name, topic);
  const correlation = rules.filter(({ rule }) => rule.correlation !== undefined).length;
  return { sql: rules.length - correlation, correlation };
}

function topicProblems(name: string, topic: Topic): Problem[] {
  const filters = filtersOf(name, topic);
  const most = ServiceBusQuotas;
  const counts = [
    { what: "subscriptions", count: Object.keys(topic.subscriptions ?? {}).length, most: most.subscriptionsPerTopic },
    { what: "SQL filters", count: filters.sql, most: most.sqlFiltersPerTopic },
    { what: "correlation filters", count: filters.correlation, most: most.correlationFiltersPerTopic },
  ];
  return counts
    .filter((each) => each.count > each.most)
    .map((each) =>
      problem(
        `topics.${name}.subscriptions`,
        each.count,
        `are ${each.count} ${each.what}, and a topic may have at most ${each.most}`,
        each.what === "SQL filters" ? "Use correlation filters" : "Let a subscription forward to a second topic",
      ),
    );
}
