import type { MessageFacts } from "../content.js";
import { Duration, type SqlValue } from "./values.js";

/** A message as a filter sees it: what its sender said, and what the topic gave it. */
export interface FilteredMessage {
  readonly facts: MessageFacts;
  /** Milliseconds since 1970. */
  readonly enqueuedAt: number;
  readonly sequenceNumber: number;
}

/** System properties that an action can set, as the engine calls them. */
export type SettableProperty =
  | "contentType"
  | "correlationId"
  | "subject"
  | "messageId"
  | "partitionKey"
  | "viaPartitionKey"
  | "replyTo"
  | "replyToSessionId"
  | "scheduledAt"
  | "sessionId"
  | "timeToLiveMs"
  | "to";

interface SystemProperty {
  readonly name: string;
  readonly read: (message: FilteredMessage) => SqlValue;
  readonly sets?: SettableProperty;
}

function text(name: string, key: keyof MessageFacts & SettableProperty): SystemProperty {
  return {
    name,
    sets: key,
    read: ({ facts }) => {
      const value = facts[key];
      return value === undefined ? null : String(value);
    },
  };
}

const PROPERTIES: readonly SystemProperty[] = [
  text("ContentType", "contentType"),
  text("CorrelationId", "correlationId"),
  text("Label", "subject"),
  text("Subject", "subject"),
  text("MessageId", "messageId"),
  text("PartitionKey", "partitionKey"),
  text("ViaPartitionKey", "viaPartitionKey"),
  text("TransactionPartitionKey", "viaPartitionKey"),
  text("ReplyTo", "replyTo"),
  text("ReplyToSessionId", "replyToSessionId"),
  text("SessionId", "sessionId"),
  text("To", "to"),
  {
    name: "TimeToLive",
    sets: "timeToLiveMs",
    read: ({ facts }) => (facts.timeToLiveMs === undefined ? null : new Duration(facts.timeToLiveMs)),
  },
  {
    name: "ScheduledEnqueueTimeUtc",
    sets: "scheduledAt",
    read: ({ facts }) => (facts.scheduledAt === undefined ? null : new Date(facts.scheduledAt)),
  },
  { name: "EnqueuedTimeUtc", read: ({ enqueuedAt }) => new Date(enqueuedAt) },
  {
    name: "ExpiresAtUtc",
    read: ({ facts, enqueuedAt }) =>
      facts.timeToLiveMs === undefined ? null : new Date(enqueuedAt + facts.timeToLiveMs),
  },
  { name: "SequenceNumber", read: ({ sequenceNumber }) => BigInt(sequenceNumber) },
  { name: "EnqueuedSequenceNumber", read: ({ sequenceNumber }) => BigInt(sequenceNumber) },
  // A message that a topic passes on was never delivered.
  { name: "DeliveryCount", read: () => 0n },
  { name: "Size", read: ({ facts }) => BigInt(facts.size) },
  { name: "DeadLetterSource", read: () => null },
];

const BY_NAME: ReadonlyMap<string, SystemProperty> = new Map(
  PROPERTIES.map((property) => [property.name.toLowerCase(), property]),
);

/** Why a name is no system property, or none that can be set; undefined if it is. */
export function checkSystemProperty(name: string, set = false): string | undefined {
  const known = BY_NAME.get(name.toLowerCase());
  if (known === undefined) {
    return `'sys.${name}' is no system property: ${PROPERTIES.map((property) => property.name).join(", ")} are`;
  }
  return set && known.sets === undefined ? `'sys.${known.name}' cannot be set: the broker gives it` : undefined;
}

/** A system property's value, null where the message has none; undefined where there is no such property. */
export function readSystemProperty(name: string, message: FilteredMessage): SqlValue | undefined {
  return BY_NAME.get(name.toLowerCase())?.read(message);
}

/** What setting a system property changes. */
export function settableProperty(name: string): SettableProperty | undefined {
  return BY_NAME.get(name.toLowerCase())?.sets;
}
