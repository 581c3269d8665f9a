import { type Typed, types } from "rhea";
import { BrokerError, BrokerErrorCode, entityAlreadyExists } from "../core/errors.js";
import { CORRELATION_FIELDS, type CorrelationFilter, type Filter } from "../core/filters.js";
import type { Rule, RuleAction } from "../core/rules.js";
import type { SqlParameter } from "../core/sql/values.js";
import {
  field,
  invalid,
  type ManagementContext,
  NO_CONTENT,
  type Operation,
  ok,
  text,
  toNumber,
} from "./managementFields.js";

// The rules of a subscription over `$management`: what the official clients call a rule manager. It takes Listen, not
// Manage, as on the service.

/** Descriptors of what an answer tells, as the clients know them. */
const Descriptor = {
  Rule: 0x13700000004,
  EmptyAction: 0x13700000005,
  SqlAction: 0x13700000006,
  SqlFilter: 0x1370000006,
  TrueFilter: 0x1370000007,
  FalseFilter: 0x1370000008,
  CorrelationFilter: 0x1370000009,
} as const;
/** The level of the SQL dialect that the service names. */
const LEVEL = 20;
/** The service's limit on one answer. */
const MOST_RULES = 100;

type CorrelationField = (typeof CORRELATION_FIELDS)[number];
/** How a request calls the fields of a correlation filter. */
const NAMES: Readonly<Record<CorrelationField, string>> = {
  correlationId: "correlation-id",
  messageId: "message-id",
  to: "to",
  replyTo: "reply-to",
  subject: "label",
  sessionId: "session-id",
  replyToSessionId: "reply-to-session-id",
  contentType: "content-type",
};

function subscriptionOf({ entity }: ManagementContext, operation: string): { topic: string; name: string } {
  const [, topic, name] = (entity.kind === "subscription" && /^(.*)\/Subscriptions\/([^/]*)$/.exec(entity.path)) || [];
  if (topic === undefined || name === undefined) {
    throw new BrokerError(
      BrokerErrorCode.NotAllowed,
      `'${operation}' works on a subscription; '${entity.path}' is a ${entity.kind}.`,
    );
  }
  return { topic, name };
}

function entries(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
}

// --- adding -----------------------------------------------------------------------------------------------------------

function expressionIn(part: unknown, what: string): string {
  const expression = entries(part).get("expression");
  if (typeof expression !== "string" || expression.trim() === "") {
    throw invalid(`'${what}' needs a string 'expression'.`);
  }
  return expression;
}

function parameter(key: string, value: unknown): SqlParameter {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
      return value;
    default:
      break;
  }
  if (value instanceof Date) {
    return value;
  }
  if (Buffer.isBuffer(value) && value.length === 8) {
    return value.readBigInt64BE();
  }
  throw invalid(`The property '${key}' of a correlation filter must be a string, a number, a boolean or a time.`);
}

function correlationIn(part: unknown): CorrelationFilter {
  const said = entries(part);
  const fields = CORRELATION_FIELDS.flatMap((key) => {
    const value = said.get(NAMES[key]);
    return value === undefined || value === null ? [] : [[key, String(value)] as const];
  });
  const properties = [...entries(said.get("properties"))].map(([key, value]) => [key, parameter(key, value)] as const);
  if (fields.length === 0 && properties.length === 0) {
    throw invalid("A correlation filter needs at least one property to compare.");
  }
  return {
    kind: "correlation",
    ...Object.fromEntries(fields),
    ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
  };
}

function filterIn(description: ReadonlyMap<string, unknown>): Filter {
  const sql = description.get("sql-filter");
  if (sql !== undefined && sql !== null) {
    return { kind: "sql", expression: expressionIn(sql, "sql-filter") };
  }
  if (description.has("correlation-filter")) {
    return correlationIn(description.get("correlation-filter"));
  }
  if (description.has("true-filter") || description.has("false-filter")) {
    return { kind: description.has("true-filter") ? "true" : "false" };
  }
  throw invalid("A 'rule-description' needs a 'sql-filter' or a 'correlation-filter'.");
}

function actionIn(description: ReadonlyMap<string, unknown>): RuleAction | undefined {
  const action = description.get("sql-rule-action");
  return action === undefined || action === null ? undefined : { expression: expressionIn(action, "sql-rule-action") };
}

const addRule: Operation = (request, context) => {
  const { topic, name: subscription } = subscriptionOf(context, request.operation);
  const name = text(request, "rule-name");
  const description = entries(field(request, "rule-description"));
  if (context.namespace.subscription(topic, subscription).rules.get(name) !== undefined) {
    throw entityAlreadyExists(`${context.entity.path}/Rules/${name}`);
  }
  context.namespace.putRule(topic, subscription, name, filterIn(description), actionIn(description));
  return ok();
};

const removeRule: Operation = (request, context) => {
  const { topic, name } = subscriptionOf(context, request.operation);
  context.namespace.deleteRule(topic, name, text(request, "rule-name"));
  return ok();
};

// --- telling ----------------------------------------------------------------------------------------------------------

function encodeParameter(value: SqlParameter): Typed {
  switch (typeof value) {
    case "string":
      return types.wrap_string(value);
    case "boolean":
      return types.wrap_boolean(value);
    case "number":
      return types.wrap_double(value);
    case "bigint": {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64BE(BigInt.asIntN(64, value));
      return types.wrap_long(bytes);
    }
    default:
      return types.wrap_timestamp(value.getTime());
  }
}

function encodeFilter(filter: Filter): Typed {
  switch (filter.kind) {
    case "true":
      return types.wrap_described([], Descriptor.TrueFilter);
    case "false":
      return types.wrap_described([], Descriptor.FalseFilter);
    case "sql":
      return types.wrap_described([filter.expression, types.wrap_int(LEVEL)], Descriptor.SqlFilter);
    case "correlation": {
      const properties = Object.entries(filter.properties ?? {}).map(([key, value]) => [key, encodeParameter(value)]);
      const fields = CORRELATION_FIELDS.map((key) => filter[key] ?? null);
      return types.wrap_described([...fields, Object.fromEntries(properties)], Descriptor.CorrelationFilter);
    }
  }
}

function encodeRule(rule: Rule): object {
  const action =
    rule.action === undefined
      ? types.wrap_described([], Descriptor.EmptyAction)
      : types.wrap_described([rule.action.expression, types.wrap_int(LEVEL)], Descriptor.SqlAction);
  const fields = [encodeFilter(rule.filter), action, rule.name, types.wrap_timestamp(rule.createdAt)];
  return { "rule-description": types.wrap_described(fields, Descriptor.Rule) };
}

const enumerateRules: Operation = (request, context) => {
  const { topic, name } = subscriptionOf(context, request.operation);
  const skip = Math.max(0, toNumber(field(request, "skip") ?? 0));
  const top = Math.min(MOST_RULES, Math.max(0, toNumber(field(request, "top") ?? MOST_RULES)));
  const rules = [...context.namespace.subscription(topic, name).rules.all()].slice(skip, skip + top);
  return rules.length === 0 ? NO_CONTENT : ok({ rules: rules.map(encodeRule) });
};

export const RULE_OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ["com.microsoft:add-rule", addRule],
  ["com.microsoft:remove-rule", removeRule],
  ["com.microsoft:enumerate-rules", enumerateRules],
]);
