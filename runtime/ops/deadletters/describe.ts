import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { bodyBytes } from "../../bus/body.js";
import { idText, originalIdOf } from "../../bus/ids.js";
import {
  defined,
  PRODUCER_SIGNATURE_PROPERTY,
  PRODUCER_TOKEN_PROPERTY,
  REPLAYS_PROPERTY,
} from "../../contract/index.js";
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

/** A dead letter with everything that its sender said, save the proof of who it is. */
export interface DeadLetterWhole extends DeadLetterLine {
  properties: { [name: string]: unknown };
  /** Names of the properties whose values are not shown; absent where all are. */
  withheld?: string[];
  /** The body as it was sent; of a value body its JSON text. */
  body: Buffer;
}

/** A token is not to be seen where output is kept or passed on, although this one is good for nothing without its key. */
const PROOF = [PRODUCER_TOKEN_PROPERTY, PRODUCER_SIGNATURE_PROPERTY];

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
  const properties: { [name: string]: unknown } = { ...message.applicationProperties };
  const withheld = PROOF.filter((name) => name in properties);
  for (const name of withheld) delete properties[name];
  return { ...describeLine(message), properties, ...(withheld.length === 0 ? {} : { withheld }), body };
}
