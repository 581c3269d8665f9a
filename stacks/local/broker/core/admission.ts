import type { Content } from "./content.js";
import { BrokerError, BrokerErrorCode, entityDisabled, sessionIdNotSet } from "./errors.js";
import { type EntityRules, maySend } from "./settings.js";

/** The service's limit on message ids, session ids and partition keys, in characters. */
const LONGEST_ID = 128;

function checkLength(what: string, value: string | undefined): void {
  if (value !== undefined && value.length > LONGEST_ID) {
    throw new BrokerError(
      BrokerErrorCode.InvalidArgument,
      `The length of the ${what} exceeds the limit: it has ${value.length} characters, at most ${LONGEST_ID} are taken.`,
    );
  }
}

/** Refuses messages that an entity with these rules never takes, whatever it holds. */
export function checkAdmissible(path: string, rules: EntityRules, contents: readonly Content[]): void {
  if (!maySend(rules)) {
    throw entityDisabled(path);
  }
  for (const { messageId, sessionId, partitionKey, size } of contents) {
    if (rules.requiresSession && sessionId === undefined) {
      throw sessionIdNotSet(path);
    }
    checkLength("MessageId", messageId);
    checkLength("SessionId", sessionId);
    checkLength("PartitionKey", partitionKey);
    if (partitionKey !== undefined && sessionId !== undefined && partitionKey !== sessionId) {
      throw new BrokerError(
        BrokerErrorCode.NotAllowed,
        `The PartitionKey '${partitionKey}' and the SessionId '${sessionId}' of a message to '${path}' differ: where both are set, they must be the same.`,
      );
    }
    if (rules.maxMessageBytes !== undefined && size > rules.maxMessageBytes) {
      throw new BrokerError(
        BrokerErrorCode.MessageTooLarge,
        `A message of ${size} bytes exceeds the limit of ${rules.maxMessageBytes} bytes of '${path}'.`,
      );
    }
  }
}
