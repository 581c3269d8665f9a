import type { MessageFacts } from "../../../stacks/local/broker/core/content.js";
import { compilePredicate } from "../../../stacks/local/broker/core/sql/evaluator.js";
import { parseFilter } from "../../../stacks/local/broker/core/sql/parser.js";
import type { FilteredMessage } from "../../../stacks/local/broker/core/sql/systemProperties.js";
import type { SqlParameters, SqlValue } from "../../../stacks/local/broker/core/sql/values.js";

/** A message with the properties given, and nothing else. */
export function message(
  properties: Readonly<Record<string, SqlValue>> = {},
  system: Partial<Omit<MessageFacts, "properties">> = {},
): FilteredMessage {
  return {
    enqueuedAt: Date.UTC(2026, 0, 2, 3, 4, 5),
    sequenceNumber: 17,
    facts: {
      messageId: "m-1",
      correlationId: undefined,
      to: undefined,
      replyTo: undefined,
      subject: undefined,
      sessionId: undefined,
      replyToSessionId: undefined,
      contentType: undefined,
      partitionKey: undefined,
      viaPartitionKey: undefined,
      timeToLiveMs: undefined,
      scheduledAt: undefined,
      size: 120,
      ...system,
      properties: new Map(Object.entries(properties)),
    },
  };
}

/** What a condition says of a message: true, false or "unknown". */
export function evaluate(
  expression: string,
  of: FilteredMessage = message(),
  parameters: SqlParameters = {},
): boolean | "unknown" {
  return compilePredicate(parseFilter(expression, parameters), parameters)(of) ?? "unknown";
}
