import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { bodyBytes } from "../../bus/body.js";
import { idText, originalIdOf } from "../../bus/ids.js";
import { defined, REPLAYS_PROPERTY } from "../../contract/index.js";
import { sequenceOf } from "../selection.js";

/** A dead letter as it is listed. Times by ISO 8601. */
export interface DeadLetterLine {
  /** int64 as decimal text. */
  sequenceNumber: string;
  messageId: string;
  /** The id under which it was first sent, where that is another. */
  originalId?: string;
  reason?: string;
  description?: string;
  enqueuedTime?: string;
  /** Deliveries, this queue's included. */
  deliveryCount: number;
  /** How often it was replayed. */
  replays?: number;
  /** `active`, or `deferred`. */
  state: string;
  sessionId?: string;
  subject?: string;
  correlationId?: string;
  contentType?: string;
  partitionKey?: string;
  replyTo?: string;
  /** The entity that dead-lettered it, where it was passed on. */
  deadLetterSource?: string;
}

/** A dead letter with everything that its sender said. */
export interface DeadLetterWhole extends DeadLetterLine {
  properties: { [name: string]: unknown };
  /** The body as it was sent; of a value body its JSON text. */
  body: Buffer;
}

export function describeLine(message: ServiceBusReceivedMessage): DeadLetterLine {
  const { deadLetterReason: reason, deadLetterErrorDescription: description, enqueuedTimeUtc } = message;
  const messageId = idText(message.messageId);
  const originalId = originalIdOf(message);
  const replays = message.applicationProperties?.[REPLAYS_PROPERTY];
  const { sessionId, subject, correlationId, contentType, partitionKey, replyTo, deadLetterSource } = message;
  return {
    sequenceNumber: sequenceOf(message),
    messageId,
    deliveryCount: message.deliveryCount ?? 0,
    state: message.state,
    ...defined({
      originalId: originalId === messageId ? undefined : originalId,
      reason,
      description,
      enqueuedTime: enqueuedTimeUtc?.toISOString(),
      replays: typeof replays === "number" ? replays : undefined,
      correlationId: correlationId === undefined ? undefined : idText(correlationId),
      ...{ sessionId, subject, contentType, partitionKey, replyTo, deadLetterSource },
    }),
  };
}

export function describeWhole(message: ServiceBusReceivedMessage): DeadLetterWhole {
  const body = bodyBytes({ content: message.body, section: message._rawAmqpMessage.bodyType });
  return { ...describeLine(message), properties: { ...message.applicationProperties }, body };
}
