import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { ORIGINAL_ID_PROPERTY, RETURNS_PROPERTY, sha256 } from "../contract/index.js";
import { bodyBytes } from "./body.js";
import { originalIdOf } from "./ids.js";

/** A message in the shape of AMQP, as the client sends it. */
export type AmqpMessage = ServiceBusReceivedMessage["_rawAmqpMessage"];

/** Of the annotations only this one is the sender's; the others are the service's own, or say when to deliver. */
const PARTITION_KEY = "x-opt-partition-key";

/** What a copy says otherwise than its message. */
export interface CopyChange {
  /** The copy's message id; `stowage-original-id` keeps the first one. */
  messageId: string;
  /** Application properties that are set beside the message's own. */
  properties: { [name: string]: string | number | boolean };
}

/**
 * A message to send that is the received one (by a receiver that does not parse bodies: `skipParsingBodyAsJson`) in every part that a sender sets: body and its kind, properties, partition
 * key, session, reply address. What the service wrote (dead-letter reasons among the properties, sequence numbers,
 * delivery counts) is left out. Time to live begins anew.
 */
export function copyOf(received: ServiceBusReceivedMessage, { messageId, properties }: CopyChange): AmqpMessage {
  const { _rawAmqpMessage: raw } = received;
  const original = originalIdOf(received);
  const applicationProperties: { [name: string]: unknown } = { ...raw.applicationProperties, ...properties };
  for (const name of LEFT_OUT) delete applicationProperties[name];
  if (original !== "" && original !== messageId) applicationProperties[ORIGINAL_ID_PROPERTY] = original;
  const partitionKey = raw.messageAnnotations?.[PARTITION_KEY];
  const { timeToLive, durable, priority } = raw.header ?? {};
  const { absoluteExpiryTime: _expiry, creationTime: _creation, ...kept } = raw.properties ?? {};
  const section = raw.bodyType ?? "data";
  return {
    body: section === "data" ? bodyBytes({ content: received.body, section }) : received.body,
    // The client takes for a message of AMQP's own kind what has a kind of body.
    bodyType: section,
    ...(raw.footer === undefined ? {} : { footer: raw.footer }),
    header: {
      ...(timeToLive === undefined ? {} : { timeToLive }),
      ...(durable === undefined ? {} : { durable }),
      ...(priority === undefined ? {} : { priority }),
    },
    properties: { ...kept, messageId },
    applicationProperties,
    // Never absent: the client writes the time of a scheduled message into it.
    messageAnnotations: partitionKey === undefined || partitionKey === null ? {} : { [PARTITION_KEY]: partitionKey },
  };
}

/**
 * What the service writes into the properties of a dead letter, and what workers count of a message's deliveries: a
 * copy's begin anew.
 */
const LEFT_OUT = ["DeadLetterReason", "DeadLetterErrorDescription", RETURNS_PROPERTY] as const;

/**
 * Id of a copy for an entity that drops known ones: the same for the same copy of the same message, so that a second try
 * at making it is dropped, and another one for every other copy. 64 hexadecimal digits.
 */
export function copyId(originalId: string, what: string, count: number): string {
  return sha256(`${originalId}\n${what}\n${count}`);
}
