import type { RuleProperties, ServiceBusReceivedMessage } from "@azure/service-bus";
import { InvalidInputError, problem } from "../../runtime/contract/problems.js";
import type { RuleTest } from "../../runtime/ops/deadletters/index.js";
import type { MessageCondition } from "../../runtime/ops/selection.js";
import { BrokerError } from "../local/broker/core/errors.js";
import { compileFilter, type Filter, type Predicate } from "../local/broker/core/filters.js";
import type { FilteredMessage } from "../local/broker/core/sql/systemProperties.js";
import { EvaluationError, type SqlParameter, type SqlValue } from "../local/broker/core/sql/values.js";

/** A message in the shape of AMQP, received or to be sent. */
type AmqpMessage = ServiceBusReceivedMessage["_rawAmqpMessage"];

/**
 * System properties whose value is not the message's own here: the size as it was sent, and what the engine of rules
 * answers for a message that has just come to a topic.
 */
const UNKNOWN = /\bsys\s*\.\s*\[?(Size|DeliveryCount|DeadLetterSource|EnqueuedSequenceNumber)\b/i;

/**
 * The condition of `--filter`, in the SQL of subscription rules. A message for which it cannot be computed (types that do
 * not go together) does not meet it, as in the service.
 * @throws InvalidInputError for what is no such condition, with the position
 */
export function sqlCondition(expression: string): MessageCondition {
  const refused = (reason: string, fix: string) =>
    new InvalidInputError("Invalid filter", [problem("--filter", expression, reason, fix)]);
  const [, name] = UNKNOWN.exec(expression) ?? [];
  if (name !== undefined)
    throw refused(`asks for sys.${name}, which is not known of a dead letter here`, "Ask for another property.");
  const test = compiled({ kind: "sql", expression }, (text) =>
    refused(text, "Write it as a subscription's SQL rule: color = 'blue' AND sys.Label LIKE 'order%'"),
  );
  return (message) => {
    const { enqueuedTimeUtc, sequenceNumber, _rawAmqpMessage: raw } = message;
    try {
      return test(() => filtered(raw, enqueuedTimeUtc?.getTime() ?? 0, Number(sequenceNumber ?? 0)));
    } catch (error) {
      if (error instanceof EvaluationError) return false;
      throw error;
    }
  };
}

/** Reads a rule of a subscription as the service does. Throws for one that is not understood, or cannot be judged here. */
export function readRule({ filter }: RuleProperties): RuleTest {
  const sql = "sqlExpression" in filter ? filter : undefined;
  if (sql !== undefined && UNKNOWN.test(sql.sqlExpression ?? "")) throw new Error("it asks for what is not known here");
  const test = compiled(ruleFilter(filter), (text) => new Error(text));
  return (copy) => test(() => filtered(copy, Date.now(), 0));
}

function ruleFilter(filter: RuleProperties["filter"]): Filter {
  if ("sqlExpression" in filter) {
    const { sqlExpression: expression = "1=1", sqlParameters: parameters = {} } = filter;
    return { kind: "sql", expression, parameters };
  }
  const { applicationProperties, ...fields } = filter;
  const named = Object.fromEntries(Object.entries(fields).filter(([, value]) => typeof value === "string"));
  const properties: Record<string, SqlParameter> = {};
  for (const [name, value] of Object.entries(applicationProperties ?? {})) properties[name] = parameter(value);
  return { kind: "correlation", ...named, properties };
}

function parameter(value: unknown): SqlParameter {
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : value;
  if (typeof value === "string" || typeof value === "boolean" || value instanceof Date) return value;
  throw new Error(`a rule compares with a value of type ${typeof value}`);
}

function compiled(filter: Filter, refuse: (text: string) => Error): Predicate {
  try {
    return compileFilter(filter);
  } catch (error) {
    if (error instanceof BrokerError) throw refuse(error.message);
    throw error;
  }
}

/** A message as a filter sees it. */
function filtered(raw: AmqpMessage, enqueuedAt: number, sequenceNumber: number): FilteredMessage {
  const { properties: p = {}, header, messageAnnotations } = raw;
  const properties = new Map<string, SqlValue>();
  for (const [name, value] of Object.entries(raw.applicationProperties ?? {})) properties.set(name, sqlValue(value));
  return {
    enqueuedAt,
    sequenceNumber,
    facts: {
      messageId: text(p.messageId),
      correlationId: text(p.correlationId),
      to: text(p.to),
      replyTo: text(p.replyTo),
      subject: text(p.subject),
      sessionId: text(p.groupId),
      replyToSessionId: text(p.replyToGroupId),
      contentType: text(p.contentType),
      partitionKey: text(messageAnnotations?.["x-opt-partition-key"]),
      viaPartitionKey: text(messageAnnotations?.["x-opt-via-partition-key"]),
      timeToLiveMs: header?.timeToLive,
      scheduledAt: undefined,
      size: 0,
      properties,
    },
  };
}

function text(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : String(value);
}

/** The client reads whole numbers of every width, and doubles without a fraction, as one kind of number. */
function sqlValue(value: unknown): SqlValue {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === "string" || typeof value === "boolean" || typeof value === "bigint") return value;
  if (value instanceof Date || value instanceof Uint8Array) return value;
  return null;
}
