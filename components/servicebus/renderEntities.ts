import type * as servicebus from "@pulumi/azure-native/servicebus";
import { iso8601 } from "./duration.js";
import {
  type CorrelationArgs,
  EntityStatus,
  type QueueArgs,
  type RuleArgs,
  type SubscriptionArgs,
  type TopicArgs,
} from "./entityArgs.js";
import { type ServiceBusNamespaceArgs, ServiceBusTier } from "./namespaceArgs.js";
import { partitioned } from "./partitions.js";

/** Where an entity lies. */
type Place = "resourceGroupName" | "namespaceName";

/** The service's own default of a lock, in seconds. */
export const DEFAULT_LOCK_SECONDS = 60;
/** The service's own default of deliveries. */
export const DEFAULT_DELIVERIES = 10;

function duration(seconds: number | undefined): string | undefined {
  return seconds === undefined ? undefined : iso8601(seconds);
}

/** What queues and topics have in common. */
function entityProperties(args: QueueArgs | TopicArgs, namespace: ServiceBusNamespaceArgs) {
  return {
    requiresDuplicateDetection: args.requiresDuplicateDetection ?? false,
    duplicateDetectionHistoryTimeWindow: duration(args.duplicateDetectionSeconds),
    defaultMessageTimeToLive: duration(args.timeToLiveSeconds),
    autoDeleteOnIdle: duration(args.autoDeleteOnIdleSeconds),
    maxSizeInMegabytes: args.maxSizeMegabytes,
    maxMessageSizeInKilobytes: args.maxMessageSizeKilobytes,
    enablePartitioning: args.enablePartitioning ?? partitioned(namespace),
    // Elsewhere Azure refuses that it is stated.
    enableExpress: namespace.tier === ServiceBusTier.Standard ? (args.enableExpress ?? false) : undefined,
    enableBatchedOperations: args.enableBatchedOperations ?? true,
    status: args.status ?? EntityStatus.Active,
    userMetadata: args.userMetadata,
  };
}

/** What queues and subscriptions have in common. */
function receiverProperties(args: QueueArgs | SubscriptionArgs) {
  return {
    lockDuration: iso8601(args.lockDurationSeconds ?? DEFAULT_LOCK_SECONDS),
    maxDeliveryCount: args.maxDeliveryCount ?? DEFAULT_DELIVERIES,
    requiresSession: args.requiresSession ?? false,
    deadLetteringOnMessageExpiration: args.deadLetterOnExpiration ?? true,
    forwardTo: args.forwardTo,
    forwardDeadLetteredMessagesTo: args.forwardDeadLettersTo,
  };
}

/** A queue's properties, as Azure takes them. */
export function queueProperties(
  args: QueueArgs,
  namespace: ServiceBusNamespaceArgs,
): Omit<servicebus.QueueArgs, Place> {
  return { ...entityProperties(args, namespace), ...receiverProperties(args) };
}

/** A topic's properties, as Azure takes them. */
export function topicProperties(
  args: TopicArgs,
  namespace: ServiceBusNamespaceArgs,
): Omit<servicebus.TopicArgs, Place> {
  return { ...entityProperties(args, namespace), supportOrdering: args.supportOrdering ?? false };
}

/** A subscription's properties, as Azure takes them. */
export function subscriptionProperties(args: SubscriptionArgs): Omit<servicebus.SubscriptionArgs, Place | "topicName"> {
  return {
    ...receiverProperties(args),
    deadLetteringOnFilterEvaluationExceptions: args.deadLetterOnFilterError ?? true,
    defaultMessageTimeToLive: duration(args.timeToLiveSeconds),
    autoDeleteOnIdle: duration(args.autoDeleteOnIdleSeconds),
    enableBatchedOperations: args.enableBatchedOperations ?? true,
    status: args.status ?? EntityStatus.Active,
    userMetadata: args.userMetadata,
  };
}

/** A rule that matches nothing: Azure's own, where there are others. */
export const MATCH_NONE: RuleArgs = { sql: "1=0" };
/** A rule that matches every message: Azure's own, where there is no other. */
export const MATCH_ALL: RuleArgs = { sql: "1=1" };

/** A rule's properties, as Azure takes them. */
export function ruleProperties(
  args: RuleArgs,
): Omit<servicebus.RuleArgs, Place | "topicName" | "subscriptionName" | "ruleName"> {
  const action = args.action === undefined ? {} : { action: { sqlExpression: args.action } };
  if (args.correlation !== undefined)
    return { filterType: "CorrelationFilter", correlationFilter: correlation(args.correlation), ...action };
  return { filterType: "SqlFilter", sqlFilter: { sqlExpression: args.sql ?? "" }, ...action };
}

/** The service's name for a message's subject is `label`. */
function correlation({ subject, ...fields }: CorrelationArgs) {
  return subject === undefined ? fields : { ...fields, label: subject };
}
