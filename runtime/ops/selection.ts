import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { idText, originalIdOf } from "../bus/ids.js";

/** Which dead letters are meant. All that is given must hold; a list holds where one of its entries does. */
export interface Selection {
  /** Dead-letter reasons, exactly as they are. */
  reasons?: readonly string[];
  /** Message ids; the id of a copy, and the one under which its message was first sent. */
  ids?: readonly string[];
  /** Sequence numbers of dead letters, as decimal text. */
  sequenceNumbers?: readonly string[];
  /** Taken by the entity at this moment or before. */
  before?: Date;
  /** Taken by the entity at this moment or after. */
  after?: Date;
  /** A condition of the caller's own. */
  filter?: MessageCondition;
}

export type MessageCondition = (message: ServiceBusReceivedMessage) => boolean;

/** Sequence number as decimal text. */
export function sequenceOf(message: ServiceBusReceivedMessage): string {
  return message.sequenceNumber?.toString() ?? "0";
}

/** The condition that a selection stands for. */
export function selecting(selection: Selection): MessageCondition {
  const { reasons, ids, sequenceNumbers, before, after, filter } = selection;
  const tests: MessageCondition[] = [];
  if (sequenceNumbers !== undefined) tests.push((message) => sequenceNumbers.includes(sequenceOf(message)));
  if (ids !== undefined)
    tests.push((message) => ids.includes(idText(message.messageId)) || ids.includes(originalIdOf(message)));
  if (reasons !== undefined) tests.push((message) => reasons.includes(message.deadLetterReason ?? ""));
  if (before !== undefined) tests.push((message) => enqueued(message) <= before.getTime());
  if (after !== undefined) tests.push((message) => enqueued(message) >= after.getTime());
  if (filter !== undefined) tests.push(filter);
  return (message) => tests.every((test) => test(message));
}

function enqueued(message: ServiceBusReceivedMessage): number {
  return message.enqueuedTimeUtc?.getTime() ?? 0;
}
