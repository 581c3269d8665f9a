import {
  EntityStatus,
  type QueueArgs,
  type ServiceBusEntitiesArgs,
  SubscriptionStatus,
  type TopicArgs,
  TopicStatus,
} from "../../components/servicebus/index.js";

const DAY = 86_400;

/** A queue with everything that every tier has. */
const everywhere: QueueArgs = {
  lockDurationSeconds: 300,
  maxDeliveryCount: 2000,
  timeToLiveSeconds: 14 * DAY,
  deadLetterOnExpiration: false,
  maxSizeMegabytes: 5120,
  enableBatchedOperations: false,
  userMetadata: "Kept by the storage team",
};

/** A queue for each status. */
const queuesByStatus = Object.fromEntries(
  Object.values(EntityStatus).map((status) => [`status-${status}`, { status }] as const),
);

/** What Standard and Premium have beyond Basic. */
const forwarding: { [name: string]: QueueArgs } = {
  entry: { forwardTo: "events", forwardDeadLettersTo: "graveyard" },
  graveyard: { timeToLiveSeconds: 90 * DAY },
  sessions: { requiresSession: true, forwardDeadLettersTo: "graveyard", lockDurationSeconds: 5 },
  once: { requiresDuplicateDetection: true, duplicateDetectionSeconds: 7 * DAY, maxDeliveryCount: 1 },
  passing: { autoDeleteOnIdleSeconds: 300, timeToLiveSeconds: 300, lockDurationSeconds: 60 },
};

/** Topics with every setting of topics, subscriptions, rules and correlation filters that Standard and Premium have. */
const topics: { [name: string]: TopicArgs } = {
  events: {
    requiresDuplicateDetection: true,
    duplicateDetectionSeconds: 20,
    timeToLiveSeconds: 30 * DAY,
    maxSizeMegabytes: 5120,
    enableBatchedOperations: false,
    supportOrdering: true,
    userMetadata: "Events of every team",
    subscriptions: {
      all: {},
      sessions: { requiresSession: true, lockDurationSeconds: 300, maxDeliveryCount: 5 },
      audit: {
        forwardTo: "graveyard",
        forwardDeadLettersTo: "graveyard",
        rules: {
          orders: { sql: "sys.Label = 'order' AND amount > 100", action: "SET priority = 'high'; REMOVE trace" },
        },
      },
      exact: {
        timeToLiveSeconds: DAY,
        deadLetterOnExpiration: false,
        deadLetterOnFilterError: false,
        enableBatchedOperations: false,
        userMetadata: "What is asked of us",
        rules: {
          $Default: { sql: "sys.To IS NULL" },
          answers: {
            correlation: {
              contentType: "application/json",
              correlationId: "request",
              messageId: "m".repeat(128),
              replyTo: "answers",
              replyToSessionId: "r".repeat(128),
              sessionId: "s".repeat(128),
              subject: "order",
              to: "storage",
              properties: { region: "eu", "odd name": "it's" },
            },
          },
        },
      },
      passing: { autoDeleteOnIdleSeconds: 3600, timeToLiveSeconds: 3600 },
      ...Object.fromEntries(
        Object.values(SubscriptionStatus).map((status) => [`status-${status}`, { status }] as const),
      ),
    },
  },
  short: { autoDeleteOnIdleSeconds: 7 * DAY, timeToLiveSeconds: DAY, subscriptions: { all: {} } },
  ...Object.fromEntries(
    Object.values(TopicStatus).map((status) => [`topic-${status}`, { status, subscriptions: { all: {} } }] as const),
  ),
};

/** The parts of a bus that are no namespace. */
type Entities = Pick<ServiceBusEntitiesArgs, "queues" | "topics">;

const queues = { renders: {}, everywhere, ...queuesByStatus };
const wide = { enablePartitioning: true };
const all = { subscriptions: { all: {} } };

/**
 * Queues, topics, subscriptions and rules that use every setting of theirs that a tier has. The premium namespace is
 * partitioned, and the replicated one is not: what excludes each other is in one of them.
 */
export const entitiesOfTier = {
  Basic: { queues: { ...queues, wide } },
  Standard: {
    queues: { ...queues, ...forwarding, wide, fast: { enableExpress: true } },
    topics: { ...topics, broad: { ...wide, ...all }, quick: { enableExpress: true, ...all } },
  },
  Premium: {
    queues: { ...queues, ...forwarding, wide, large: { maxMessageSizeKilobytes: 102_400, maxSizeMegabytes: 81_920 } },
    topics: {
      ...topics,
      broad: { ...wide, ...all },
      big: { maxMessageSizeKilobytes: 2048, maxSizeMegabytes: 10_240, ...all },
    },
  },
  Replicated: {
    queues: { ...queues, ...forwarding, narrow: { enablePartitioning: false, maxMessageSizeKilobytes: 1024 } },
    topics: { ...topics, small: { enablePartitioning: false, ...all } },
  },
} satisfies Record<string, Entities>;
