import { z } from "zod";
import { parseDuration } from "../core/durations.js";
import { EntityStatus } from "../core/settings.js";

// The configuration of Microsoft's Service Bus emulator, and of the settings it leaves out those that this broker has,
// under the names that the service gives them. Ranges are the broker's own: they are wider than the emulator's.

const duration = z.string().transform((text, context) => {
  const seconds = parseDuration(text);
  if (seconds === undefined) {
    context.addIssue({
      code: "custom",
      message: "must be an ISO 8601 duration of days, hours, minutes and seconds, such as PT1M",
    });
    return z.NEVER;
  }
  return seconds;
});
/** An empty text is none. */
const target = z.string();
const name = z.string().min(1);

const topicProperties = {
  DefaultMessageTimeToLive: duration,
  DuplicateDetectionHistoryTimeWindow: duration,
  RequiresDuplicateDetection: z.boolean(),
  MaxSizeInMegabytes: z.number(),
  MaxMessageSizeInKilobytes: z.number(),
  EnablePartitioning: z.boolean(),
  EnableBatchedOperations: z.boolean(),
  AutoDeleteOnIdle: duration,
  UserMetadata: z.string(),
  Status: z.enum(EntityStatus),
};

const subscriptionProperties = {
  DeadLetteringOnMessageExpiration: z.boolean(),
  DefaultMessageTimeToLive: duration,
  LockDuration: duration,
  MaxDeliveryCount: z.number(),
  ForwardDeadLetteredMessagesTo: target,
  ForwardTo: target,
  RequiresSession: z.boolean(),
  EnableBatchedOperations: z.boolean(),
  AutoDeleteOnIdle: duration,
  UserMetadata: z.string(),
  Status: z.enum(EntityStatus),
};

const queue = z.strictObject({
  Name: name,
  Properties: z
    .strictObject({ ...topicProperties, ...subscriptionProperties })
    .partial()
    .optional(),
});

const sql = z.strictObject({ SqlExpression: z.string() });

const correlation = z
  .strictObject({
    ContentType: z.string(),
    CorrelationId: z.string(),
    Label: z.string(),
    MessageId: z.string(),
    ReplyTo: z.string(),
    ReplyToSessionId: z.string(),
    SessionId: z.string(),
    To: z.string(),
    Properties: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  })
  .partial();

const rule = z.strictObject({
  Name: name,
  Properties: z.discriminatedUnion("FilterType", [
    z.strictObject({ FilterType: z.literal("Sql"), SqlFilter: sql, Action: sql.optional() }),
    z.strictObject({ FilterType: z.literal("Correlation"), CorrelationFilter: correlation, Action: sql.optional() }),
  ]),
});

const subscription = z.strictObject({
  Name: name,
  Properties: z
    .strictObject({ ...subscriptionProperties, DeadLetteringOnFilterEvaluationExceptions: z.boolean() })
    .partial()
    .optional(),
  Rules: z.array(rule).optional(),
});

const topic = z.strictObject({
  Name: name,
  Properties: z.strictObject(topicProperties).partial().optional(),
  Subscriptions: z.array(subscription).optional(),
});

const namespace = z.strictObject({
  Name: name,
  Queues: z.array(queue).optional(),
  Topics: z.array(topic).optional(),
});

export const configuration = z.strictObject({
  UserConfig: z.strictObject({
    Namespaces: z.array(namespace).length(1, "must hold exactly one namespace"),
    // Where the container writes its log; taken, and passed over.
    Logging: z.unknown().optional(),
  }),
  $schema: z.string().optional(),
});

export type Configuration = z.output<typeof configuration>;
export type NamespaceEntry = z.output<typeof namespace>;
export type QueueEntry = z.output<typeof queue>;
export type TopicEntry = z.output<typeof topic>;
export type SubscriptionEntry = z.output<typeof subscription>;
export type RuleEntry = z.output<typeof rule>;
