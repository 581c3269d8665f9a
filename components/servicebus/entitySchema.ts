import { ENTITY_NAME, ServiceBusLimits } from "../../runtime/contract/limits.js";
import { because, integer, oneOf, text } from "../../runtime/contract/zod.js";
import { flag, mapOf, oneNumberOf, type Shape, strict, z } from "../support/schema.js";
import {
  type CorrelationArgs,
  EntityStatus,
  type QueueArgs,
  type RuleArgs,
  type SubscriptionArgs,
  SubscriptionStatus,
  type TopicArgs,
  TopicStatus,
} from "./entityArgs.js";

/** The longest duration that the service can hold, a .NET TimeSpan: 10675199 days. */
const LONGEST_SECONDS = 922_337_203_685;
const WEEK_SECONDS = 604_800;

/** Sizes that an entity may have, in megabytes. Above 5120 they need Premium or partitioning. */
export const ENTITY_SIZES_MB = [1024, 2048, 3072, 4096, 5120, 10240, 20480, 40960, 81920];

const { lockDurationSeconds: lock, maxDeliveryCount: deliveries, idCharacters } = ServiceBusLimits;
const optional = {
  lock: z.exactOptional(integer(lock.min, lock.max, "seconds (PT5S to PT5M, Azure's limit)")),
  deliveries: z.exactOptional(integer(deliveries.min, deliveries.max, "deliveries")),
  flag: z.exactOptional(flag()),
  timeToLive: z.exactOptional(integer(1, LONGEST_SECONDS, "seconds")),
  idle: z.exactOptional(integer(300, LONGEST_SECONDS, "seconds (PT5M or more)")),
  duplicates: z.exactOptional(integer(20, WEEK_SECONDS, "seconds (PT20S to P7D)")),
  size: z.exactOptional(oneNumberOf(ENTITY_SIZES_MB, "megabytes")),
  messageSize: z.exactOptional(integer(1024, 102_400, "kilobytes")),
  metadata: z.exactOptional(
    z
      .string(because("must be text", "Put it in quotes"))
      .max(1024, because("must be at most 1024 characters", "Shorten it")),
  ),
  target: z.exactOptional(
    text(
      ENTITY_NAME,
      "the name of a queue or topic of this namespace",
      "Give the plain name, not a path of Azure or a URL",
    ),
  ),
  text: z.exactOptional(z.string(because("must be text", "Put it in quotes"))),
  id: z.exactOptional(
    z
      .string(because("must be text", "Put it in quotes"))
      .max(
        idCharacters,
        because(`must be at most ${idCharacters} characters: no message has a longer one`, "Shorten it"),
      ),
  ),
  sql: z.exactOptional(
    text(/\S/, "SQL of the service, up to 1024 characters", "Give a condition").max(
      1024,
      because("must be at most 1024 characters (Azure's limit)", "Shorten it, or use several rules"),
    ),
  ),
};

/** Shape and ranges of a queue. */
export const queueSchema = strict({
  lockDurationSeconds: optional.lock,
  maxDeliveryCount: optional.deliveries,
  requiresSession: optional.flag,
  requiresDuplicateDetection: optional.flag,
  duplicateDetectionSeconds: optional.duplicates,
  timeToLiveSeconds: optional.timeToLive,
  deadLetterOnExpiration: optional.flag,
  forwardTo: optional.target,
  forwardDeadLettersTo: optional.target,
  autoDeleteOnIdleSeconds: optional.idle,
  maxSizeMegabytes: optional.size,
  maxMessageSizeKilobytes: optional.messageSize,
  enablePartitioning: optional.flag,
  enableBatchedOperations: optional.flag,
  enableExpress: optional.flag,
  status: z.exactOptional(oneOf(EntityStatus)),
  userMetadata: optional.metadata,
} satisfies Shape<QueueArgs>) satisfies z.ZodType<QueueArgs, QueueArgs>;

/** Shape of a correlation filter. */
export const correlationSchema = strict({
  contentType: optional.text,
  correlationId: optional.text,
  messageId: optional.id,
  replyTo: optional.text,
  replyToSessionId: optional.id,
  sessionId: optional.id,
  subject: optional.text,
  to: optional.text,
  properties: z.exactOptional(
    z.record(
      z.string(),
      z.string(because("must be text", "Put it in quotes")),
      because("must be a map of properties", "Give { name: value }"),
    ),
  ),
} satisfies Shape<CorrelationArgs>) satisfies z.ZodType<CorrelationArgs, CorrelationArgs>;

/** Shape and ranges of a rule. */
export const ruleSchema = strict({
  sql: optional.sql,
  correlation: z.exactOptional(correlationSchema),
  action: optional.sql,
} satisfies Shape<RuleArgs>) satisfies z.ZodType<RuleArgs, RuleArgs>;

/** Shape and ranges of a subscription and its rules. */
export const subscriptionSchema = strict({
  rules: z.exactOptional(mapOf(ruleSchema, "rules")),
  lockDurationSeconds: optional.lock,
  maxDeliveryCount: optional.deliveries,
  requiresSession: optional.flag,
  timeToLiveSeconds: optional.timeToLive,
  deadLetterOnExpiration: optional.flag,
  deadLetterOnFilterError: optional.flag,
  forwardTo: optional.target,
  forwardDeadLettersTo: optional.target,
  autoDeleteOnIdleSeconds: optional.idle,
  enableBatchedOperations: optional.flag,
  status: z.exactOptional(oneOf(SubscriptionStatus)),
  userMetadata: optional.metadata,
} satisfies Shape<SubscriptionArgs>) satisfies z.ZodType<SubscriptionArgs, SubscriptionArgs>;

/** Shape and ranges of a topic, its subscriptions and their rules. */
export const topicSchema = strict({
  subscriptions: z.exactOptional(mapOf(subscriptionSchema, "subscriptions")),
  requiresDuplicateDetection: optional.flag,
  duplicateDetectionSeconds: optional.duplicates,
  timeToLiveSeconds: optional.timeToLive,
  autoDeleteOnIdleSeconds: optional.idle,
  maxSizeMegabytes: optional.size,
  maxMessageSizeKilobytes: optional.messageSize,
  enablePartitioning: optional.flag,
  enableBatchedOperations: optional.flag,
  enableExpress: optional.flag,
  supportOrdering: optional.flag,
  status: z.exactOptional(oneOf(TopicStatus)),
  userMetadata: optional.metadata,
} satisfies Shape<TopicArgs>) satisfies z.ZodType<TopicArgs, TopicArgs>;
