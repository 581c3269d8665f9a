import type { QueueSettings } from "../core/settings.js";

/** The settings of any entity. */
export type Settings = QueueSettings;
/** Settings while they are being read. */
export type Draft = { -readonly [Key in keyof Settings]: Settings[Key] };

type KeysOf<Value> = {
  [Key in keyof Required<Settings>]: Required<Settings>[Key] extends Value ? Key : never;
}[keyof Settings];

/** An element that says a setting. */
export type SettingElement =
  | {
      readonly kind: "duration" | "integer";
      readonly name: string;
      readonly setting: Exclude<KeysOf<number>, undefined>;
    }
  | { readonly kind: "boolean"; readonly name: string; readonly setting: Exclude<KeysOf<boolean>, undefined> }
  | { readonly kind: "text" | "target"; readonly name: string; readonly setting: TextSetting }
  | { readonly kind: "status"; readonly name: "Status" }
  | { readonly kind: "policies"; readonly name: "AuthorizationRules" };
type TextSetting = "userMetadata" | "forwardTo" | "forwardDeadLetteredMessagesTo";

/** What the broker says of an entity beside its settings. */
export type ToldElement =
  | "SizeInBytes"
  | "MessageCount"
  | "IsAnonymousAccessible"
  | "CreatedAt"
  | "UpdatedAt"
  | "AccessedAt"
  | "SubscriptionCount"
  | "FilteringMessagesBeforePublishing"
  | "CountDetails"
  | "EntityAvailabilityStatus";

/** The parts of one kind of description, in the order in which the service writes and reads them. */
export interface Shape {
  readonly root: string;
  readonly parts: readonly (SettingElement | ToldElement)[];
}

const lockDuration: SettingElement = { kind: "duration", name: "LockDuration", setting: "lockDurationSeconds" };
const maxSize: SettingElement = { kind: "integer", name: "MaxSizeInMegabytes", setting: "maxSizeInMegabytes" };
const requiresDuplicateDetection: SettingElement = {
  kind: "boolean",
  name: "RequiresDuplicateDetection",
  setting: "requiresDuplicateDetection",
};
const requiresSession: SettingElement = { kind: "boolean", name: "RequiresSession", setting: "requiresSession" };
const timeToLive: SettingElement = { kind: "duration", name: "DefaultMessageTimeToLive", setting: "timeToLive" };
const deadLetterExpired: SettingElement = {
  kind: "boolean",
  name: "DeadLetteringOnMessageExpiration",
  setting: "deadLetteringOnMessageExpiration",
};
const duplicateWindow: SettingElement = {
  kind: "duration",
  name: "DuplicateDetectionHistoryTimeWindow",
  setting: "duplicateDetectionWindowSeconds",
};
const maxDeliveryCount: SettingElement = { kind: "integer", name: "MaxDeliveryCount", setting: "maxDeliveryCount" };
const batched: SettingElement = {
  kind: "boolean",
  name: "EnableBatchedOperations",
  setting: "enableBatchedOperations",
};
const policies: SettingElement = { kind: "policies", name: "AuthorizationRules" };
const status: SettingElement = { kind: "status", name: "Status" };
const forwardTo: SettingElement = { kind: "target", name: "ForwardTo", setting: "forwardTo" };
const userMetadata: SettingElement = { kind: "text", name: "UserMetadata", setting: "userMetadata" };
const supportOrdering: SettingElement = { kind: "boolean", name: "SupportOrdering", setting: "supportOrdering" };
const autoDelete: SettingElement = { kind: "duration", name: "AutoDeleteOnIdle", setting: "autoDeleteOnIdleSeconds" };
const partitioning: SettingElement = { kind: "boolean", name: "EnablePartitioning", setting: "enablePartitioning" };
const forwardDeadLetters: SettingElement = {
  kind: "target",
  name: "ForwardDeadLetteredMessagesTo",
  setting: "forwardDeadLetteredMessagesTo",
};
const express: SettingElement = { kind: "boolean", name: "EnableExpress", setting: "enableExpress" };
const maxMessageSize: SettingElement = {
  kind: "integer",
  name: "MaxMessageSizeInKilobytes",
  setting: "maxMessageSizeInKilobytes",
};

export const QUEUE: Shape = {
  root: "QueueDescription",
  parts: [
    lockDuration,
    maxSize,
    requiresDuplicateDetection,
    requiresSession,
    timeToLive,
    deadLetterExpired,
    duplicateWindow,
    maxDeliveryCount,
    batched,
    "SizeInBytes",
    "MessageCount",
    "IsAnonymousAccessible",
    policies,
    status,
    forwardTo,
    userMetadata,
    "CreatedAt",
    "UpdatedAt",
    "AccessedAt",
    supportOrdering,
    "CountDetails",
    autoDelete,
    partitioning,
    forwardDeadLetters,
    "EntityAvailabilityStatus",
    express,
    maxMessageSize,
  ],
};

export const TOPIC: Shape = {
  root: "TopicDescription",
  parts: [
    timeToLive,
    maxSize,
    requiresDuplicateDetection,
    duplicateWindow,
    batched,
    "SizeInBytes",
    "FilteringMessagesBeforePublishing",
    "IsAnonymousAccessible",
    policies,
    status,
    userMetadata,
    "CreatedAt",
    "UpdatedAt",
    "AccessedAt",
    supportOrdering,
    "CountDetails",
    "SubscriptionCount",
    autoDelete,
    partitioning,
    "EntityAvailabilityStatus",
    express,
    maxMessageSize,
  ],
};

export const SUBSCRIPTION: Shape = {
  root: "SubscriptionDescription",
  parts: [
    lockDuration,
    requiresSession,
    timeToLive,
    deadLetterExpired,
    {
      kind: "boolean",
      name: "DeadLetteringOnFilterEvaluationExceptions",
      setting: "deadLetteringOnFilterEvaluationExceptions",
    },
    "MessageCount",
    maxDeliveryCount,
    batched,
    status,
    forwardTo,
    "CreatedAt",
    "UpdatedAt",
    "AccessedAt",
    "CountDetails",
    userMetadata,
    forwardDeadLetters,
    autoDelete,
    "EntityAvailabilityStatus",
  ],
};
