import { problem } from "../../runtime/contract/index.js";
import type { Notice } from "../support/notices.js";
import { type ServiceBusEntitiesArgs, ServiceBusTier, type TopicArgs } from "./args.js";
import { type Forwarder, forwarders, targetsOf } from "./forwarding.js";
import { nameKey } from "./hops.js";
import { DEFAULT_RULE } from "./names.js";
import { partitioned } from "./partitions.js";
import { filtersOf, ServiceBusQuotas } from "./quotas.js";
import { DEFAULT_LOCK_SECONDS } from "./renderEntities.js";
import { type EntitySettings, entitiesIn, type PlacedEntity } from "./settings.js";

/** The largest message of an entity on Premium, in kilobytes, where it is not said. */
const DEFAULT_MESSAGE_KILOBYTES = 1024;
/** Sizes above this are a whole entity's, and Azure counts a partitioned entity's by partition. */
const LARGEST_PARTITION_MB = 5120;

/** Notices of queues, topics, subscriptions and rules. */
export function entityNotices(args: ServiceBusEntitiesArgs): Notice[] {
  return [
    ...entitiesIn(args).flatMap((entity) => [...lifeNotices(entity), ...partitionNotices(entity, args)]),
    ...Object.entries(args.topics ?? {}).flatMap(([name, topic]) => topicNotices(name, topic)),
    ...forwardingNotices(args),
  ];
}

/** Whether what is longer is longer than a limit that may not be there. */
const outlives = (life: number | undefined, limit: number): boolean => life === undefined || life > limit;

/** How long an entity, its messages and their locks live. */
function lifeNotices({ kind, path, settings, life }: PlacedEntity): Notice[] {
  const { autoDeleteOnIdleSeconds: idle } = settings;
  const found: Notice[] = [];
  if (idle !== undefined && outlives(life, idle))
    found.push(
      problem(
        `${path}.autoDeleteOnIdleSeconds`,
        idle,
        `deletes it with its messages, which are kept ${life === undefined ? "for ever" : `${life} seconds`} otherwise`,
        "Let timeToLiveSeconds be no longer, or leave autoDeleteOnIdleSeconds out",
      ),
    );
  const lock = settings.lockDurationSeconds ?? DEFAULT_LOCK_SECONDS;
  if (kind !== "topic" && life !== undefined && life < lock)
    found.push(
      problem(
        `${path}.timeToLiveSeconds`,
        life,
        `is shorter than the lock of ${lock} seconds: a message that is not settled in its first lock has expired, ` +
          "and is not delivered again",
        "Raise it, or lower lockDurationSeconds",
      ),
    );
  return found;
}

function partitionNotices({ path, settings }: PlacedEntity, { namespace }: ServiceBusEntitiesArgs): Notice[] {
  const spread = settings.enablePartitioning ?? partitioned(namespace);
  const { maxSizeMegabytes: size, supportOrdering } = settings;
  const found: Notice[] = [];
  if (supportOrdering === true && spread)
    found.push(
      problem(
        `${path}.supportOrdering`,
        supportOrdering,
        "holds for messages of one partition key, as the topic is partitioned",
        "Give messages that belong together one partition key or session id",
      ),
    );
  if (size !== undefined && size > LARGEST_PARTITION_MB && spread && namespace.tier !== ServiceBusTier.Premium)
    found.push(
      problem(
        `${path}.maxSizeMegabytes`,
        size,
        `is counted for each of 16 partitions below Premium: ${LARGEST_PARTITION_MB} is the 80 GB that there are at most`,
        `Use ${LARGEST_PARTITION_MB} or less`,
      ),
    );
  return found;
}

function topicNotices(name: string, topic: TopicArgs): Notice[] {
  const path = `topics.${name}`;
  const subscriptions = Object.entries(topic.subscriptions ?? {});
  const found: Notice[] = [];
  if (subscriptions.length === 0)
    found.push(
      problem(
        `${path}.subscriptions`,
        undefined,
        "are none: what is sent to the topic is lost without an error",
        "Add one, or leave it to those who subscribe at run time",
      ),
    );
  const { timeToLiveSeconds: most } = topic;
  for (const [key, { timeToLiveSeconds: life }] of subscriptions)
    if (most !== undefined && life !== undefined && life > most)
      found.push(
        problem(
          `${path}.subscriptions.${key}.timeToLiveSeconds`,
          life,
          `is cut to the topic's ${most} seconds`,
          "Lower it, or raise the topic's",
        ),
      );
  // Azure's own rule of each subscription is SQL, and no one says whether it counts.
  const stated = filtersOf(name, topic).sql;
  const own = subscriptions.filter(([, { rules = {} }]) => !(DEFAULT_RULE in rules)).length;
  const { sqlFiltersPerTopic: quota } = ServiceBusQuotas;
  if (stated <= quota && stated + own > quota && stated > 0)
    found.push(
      problem(
        `${path}.subscriptions`,
        stated,
        `have ${stated} SQL filters beside Azure's own in ${own} of them; if it counts its own, that is above ${quota}`,
        "Use correlation filters",
      ),
    );
  return found;
}

/** What a target is, as far as forwarding to it goes. */
interface Target {
  settings: EntitySettings;
  status: string;
}

function targetsByName({ queues = {}, topics = {} }: ServiceBusEntitiesArgs): Map<string, Target> {
  const all = [...Object.entries(queues), ...Object.entries(topics)];
  return new Map(all.map(([name, { status = "Active", ...settings }]) => [nameKey(name), { settings, status }]));
}

function forwardingNotices(args: ServiceBusEntitiesArgs): Notice[] {
  const targets = targetsByName(args);
  return forwarders(args).flatMap((from) =>
    targetsOf(from).flatMap(({ setting, target: name }) => {
      const target = targets.get(nameKey(name));
      if (target === undefined) return [];
      const largest = targets.get(nameKey(from.entity))?.settings.maxMessageSizeKilobytes;
      return targetNotices(
        `${from.path}.${setting}`,
        from,
        name,
        target,
        args.namespace.tier === ServiceBusTier.Premium ? largest : undefined,
      );
    }),
  );
}

/** The service's words for a sub-queue of what could not be forwarded. */
const TRANSFER = "transfer dead-letter queue";

function targetNotices(
  path: string,
  from: Forwarder,
  to: string,
  { settings, status }: Target,
  largest: number | undefined,
): Notice[] {
  const found: Notice[] = [];
  if (settings.requiresSession === true)
    found.push(
      problem(
        path,
        to,
        `has sessions: messages without a session id go to the ${TRANSFER} of ${from.path}`,
        "Let every sender set a session id, and watch that queue",
      ),
    );
  if (settings.autoDeleteOnIdleSeconds !== undefined)
    found.push(
      problem(
        path,
        to,
        `is deleted after ${settings.autoDeleteOnIdleSeconds} seconds without use; from then on messages are dead-lettered here`,
        "Leave autoDeleteOnIdleSeconds of the target out",
      ),
    );
  if (status === "Disabled" || status === "SendDisabled")
    found.push(
      problem(
        path,
        to,
        `is ${status}: messages are dead-lettered here until it is active again`,
        "Set its status to Active",
      ),
    );
  const taken = settings.maxMessageSizeKilobytes ?? DEFAULT_MESSAGE_KILOBYTES;
  if (largest !== undefined && largest > taken)
    found.push(
      problem(
        path,
        to,
        `takes messages up to ${taken} KB, and there may be some of ${largest} KB here: they go to the ${TRANSFER}`,
        "Give both one maxMessageSizeKilobytes",
      ),
    );
  return found;
}
