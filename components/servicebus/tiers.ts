import { type Problem, problem } from "../../runtime/contract/index.js";
import {
  PublicAccess,
  type QueueArgs,
  type ServiceBusEntitiesArgs,
  type ServiceBusNamespaceArgs,
  ServiceBusTier,
  type SubscriptionArgs,
  type TopicArgs,
} from "./args.js";

const { Basic, Standard, Premium } = ServiceBusTier;

/** One setting that only some tiers have. */
interface TierRule<T> {
  setting: keyof T & string;
  tiers: ServiceBusTier[];
  /** Whether the value makes use of the feature. */
  used: (value: unknown) => boolean;
}

const on = (value: unknown): boolean => value === true;
const given = (value: unknown): boolean => value !== undefined;

/** Source: the service's table of tiers and its quotas. */
const entityRules: TierRule<QueueArgs & TopicArgs & SubscriptionArgs>[] = [
  { setting: "requiresSession", tiers: [Standard, Premium], used: on },
  { setting: "requiresDuplicateDetection", tiers: [Standard, Premium], used: on },
  { setting: "forwardTo", tiers: [Standard, Premium], used: given },
  { setting: "forwardDeadLettersTo", tiers: [Standard, Premium], used: given },
  { setting: "maxMessageSizeKilobytes", tiers: [Premium], used: given },
  { setting: "enablePartitioning", tiers: [Basic, Standard], used: on },
];

const namespaceRules: TierRule<ServiceBusNamespaceArgs>[] = [
  { setting: "capacity", tiers: [Premium], used: given },
  { setting: "zoneRedundant", tiers: [Premium], used: on },
  { setting: "publicAccess", tiers: [Premium], used: (value) => value === PublicAccess.Disabled },
];

function broken<T extends object>(rules: TierRule<T>[], path: string, settings: T, tier: ServiceBusTier): Problem[] {
  const values = new Map<string, unknown>(Object.entries(settings));
  return rules
    .filter((rule) => !rule.tiers.includes(tier) && rule.used(values.get(rule.setting)))
    .map((rule) =>
      problem(
        `${path}.${rule.setting}`,
        values.get(rule.setting),
        `is not there on ${tier}, only on ${rule.tiers.join(" and ")}`,
        `Remove it, or set namespace.tier to ${rule.tiers[0]}`,
      ),
    );
}

/** Sizes above this need Premium, or an entity that is spread over brokers. */
const LARGEST_UNPARTITIONED_MB = 5120;
/** Messages live at most so long on Basic: 14 days. */
const BASIC_TIME_TO_LIVE_SECONDS = 1_209_600;

function entityProblems(
  path: string,
  settings: QueueArgs & TopicArgs & SubscriptionArgs,
  tier: ServiceBusTier,
): Problem[] {
  const found = broken(entityRules, path, settings, tier);
  const { maxSizeMegabytes: size, timeToLiveSeconds: life } = settings;
  if (size !== undefined && size > LARGEST_UNPARTITIONED_MB && tier !== Premium && settings.enablePartitioning !== true)
    found.push(
      problem(
        `${path}.maxSizeMegabytes`,
        size,
        `must be at most ${LARGEST_UNPARTITIONED_MB} on ${tier}`,
        "Lower it, set enablePartitioning, or use Premium",
      ),
    );
  if (life !== undefined && life > BASIC_TIME_TO_LIVE_SECONDS && tier === Basic)
    found.push(
      problem(
        `${path}.timeToLiveSeconds`,
        life,
        `must be at most ${BASIC_TIME_TO_LIVE_SECONDS} seconds (P14D) on Basic`,
        "Lower it, or use Standard",
      ),
    );
  if (settings.duplicateDetectionSeconds !== undefined && settings.requiresDuplicateDetection !== true)
    found.push(
      problem(
        `${path}.duplicateDetectionSeconds`,
        settings.duplicateDetectionSeconds,
        "does nothing without requiresDuplicateDetection",
        "Set requiresDuplicateDetection, or remove it",
      ),
    );
  return found;
}

/** Features that the namespace's tier does not have, wherever they are asked for. */
export function tierProblems(args: ServiceBusEntitiesArgs): Problem[] {
  const { tier } = args.namespace;
  const found = broken(namespaceRules, "namespace", args.namespace, tier);
  for (const [name, queue] of Object.entries(args.queues ?? {}))
    found.push(...entityProblems(`queues.${name}`, queue, tier));
  const topics = Object.entries(args.topics ?? {});
  if (tier === Basic && topics.length > 0)
    found.push(
      problem(
        "topics",
        topics.map(([name]) => name),
        "are not there on Basic, only on Standard and Premium",
        "Remove them, or set namespace.tier to Standard",
      ),
    );
  for (const [name, { subscriptions = {}, ...topic }] of topics) {
    found.push(...entityProblems(`topics.${name}`, topic, tier));
    for (const [key, { rules, ...subscription }] of Object.entries(subscriptions))
      found.push(...entityProblems(`topics.${name}.subscriptions.${key}`, subscription, tier));
  }
  return found;
}
