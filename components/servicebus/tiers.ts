import { type Problem, problem } from "../../runtime/contract/index.js";
import { type ServiceBusEntitiesArgs, type ServiceBusNamespaceArgs, ServiceBusTier } from "./args.js";
import { partitioned } from "./partitions.js";
import { type EntitySettings, entitiesIn, type PlacedEntity } from "./settings.js";

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

/** Source: the service's table of tiers, its quotas, and the errors of its resource provider. */
const entityRules: TierRule<EntitySettings>[] = [
  { setting: "requiresSession", tiers: [Standard, Premium], used: on },
  { setting: "requiresDuplicateDetection", tiers: [Standard, Premium], used: on },
  { setting: "forwardTo", tiers: [Standard, Premium], used: given },
  { setting: "forwardDeadLettersTo", tiers: [Standard, Premium], used: given },
  { setting: "autoDeleteOnIdleSeconds", tiers: [Standard, Premium], used: given },
  { setting: "maxMessageSizeKilobytes", tiers: [Premium], used: given },
  { setting: "enableExpress", tiers: [Standard], used: on },
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

function entityProblems(entity: PlacedEntity, namespace: ServiceBusNamespaceArgs): Problem[] {
  const { path, settings } = entity;
  const { tier } = namespace;
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
  return [...found, ...partitionProblems(entity, namespace)];
}

/** On Premium partitioning is the namespace's own setting, which every entity follows. */
function partitionProblems({ path, settings }: PlacedEntity, namespace: ServiceBusNamespaceArgs): Problem[] {
  const { enablePartitioning: wanted } = settings;
  if (namespace.tier !== Premium || wanted === undefined || wanted === partitioned(namespace)) return [];
  return [
    wanted
      ? problem(
          `${path}.enablePartitioning`,
          wanted,
          "is not there on a Premium namespace without partitions",
          "Remove it, or set namespace.premiumMessagingPartitions, which is fixed when the namespace is made",
        )
      : problem(
          `${path}.enablePartitioning`,
          wanted,
          `must be true where namespace.premiumMessagingPartitions is ${namespace.premiumMessagingPartitions}: ` +
            "every entity is partitioned",
          "Remove it",
        ),
  ];
}

/** Features that the namespace's tier does not have, wherever they are asked for. */
export function tierProblems(args: ServiceBusEntitiesArgs): Problem[] {
  const { tier } = args.namespace;
  const found: Problem[] = [];
  const topics = Object.keys(args.topics ?? {});
  if (tier === Basic && topics.length > 0)
    found.push(
      problem(
        "topics",
        topics,
        "are not there on Basic, only on Standard and Premium",
        "Remove them, or set namespace.tier to Standard",
      ),
    );
  return [...found, ...entitiesIn(args).flatMap((entity) => entityProblems(entity, args.namespace))];
}
