import { BrokerError, BrokerErrorCode } from "../core/errors.js";
import type { CORRELATION_FIELDS, CorrelationFilter, Filter } from "../core/filters.js";
import type { Rule, RuleAction } from "../core/rules.js";
import type { SqlParameter, SqlParameters } from "../core/sql/values.js";
import { child, children, element, textElement, textOf, typeOf, type XmlElement } from "./xml.js";

/** A rule as a request says it. */
export interface RuleDescription {
  readonly name: string;
  readonly filter: Filter;
  readonly action?: RuleAction;
}

type CorrelationField = (typeof CORRELATION_FIELDS)[number];
/** The fields of a correlation filter, in the order in which the service writes them. */
const FIELDS: readonly (readonly [CorrelationField, string])[] = [
  ["correlationId", "CorrelationId"],
  ["messageId", "MessageId"],
  ["to", "To"],
  ["replyTo", "ReplyTo"],
  ["subject", "Label"],
  ["sessionId", "SessionId"],
  ["replyToSessionId", "ReplyToSessionId"],
  ["contentType", "ContentType"],
];
/** The level of the SQL dialect that the service names. */
const LEVEL = element("CompatibilityLevel", "20");
const LARGEST_INT = 2n ** 31n;

function invalid(what: string): BrokerError {
  return new BrokerError(BrokerErrorCode.InvalidArgument, what);
}

// --- writing --------------------------------------------------------------------------------------------------------

/** A rule's description, without its root element. */
export function writeRule(rule: Rule): string {
  return [
    writeFilter(rule.filter),
    writeAction(rule.action),
    element("CreatedAt", new Date(rule.createdAt).toISOString()),
    textElement("Name", rule.name),
  ].join("");
}

function writeFilter(filter: Filter): string {
  switch (filter.kind) {
    case "true":
      return element("Filter", textElement("SqlExpression", "1=1") + LEVEL, ' i:type="TrueFilter"');
    case "false":
      return element("Filter", textElement("SqlExpression", "1=0") + LEVEL, ' i:type="FalseFilter"');
    case "sql": {
      const content = textElement("SqlExpression", filter.expression) + LEVEL;
      return element("Filter", content + writeValues("Parameters", filter.parameters), ' i:type="SqlFilter"');
    }
    case "correlation": {
      const fields = FIELDS.map(([key, name]) => {
        const value = filter[key];
        return value === undefined ? "" : textElement(name, value);
      });
      const content = fields.join("") + writeValues("Properties", filter.properties);
      return element("Filter", content, ' i:type="CorrelationFilter"');
    }
  }
}

function writeAction(action: RuleAction | undefined): string {
  if (action === undefined) {
    return element("Action", "", ' i:type="EmptyRuleAction"');
  }
  const content = textElement("SqlExpression", action.expression) + LEVEL;
  return element("Action", content + writeValues("Parameters", action.parameters), ' i:type="SqlRuleAction"');
}

function writeValues(name: string, values: SqlParameters | undefined): string {
  const entries = Object.entries(values ?? {}).map(([key, value]) => {
    const type = ` i:type="d6p1:${xmlType(value)}" xmlns:d6p1="http://www.w3.org/2001/XMLSchema"`;
    const text = value instanceof Date ? value.toISOString() : String(value);
    return element("KeyValueOfstringanyType", textElement("Key", key) + textElement("Value", text, type));
  });
  return entries.length === 0 ? "" : element(name, entries.join(""));
}

function xmlType(value: SqlParameter): string {
  switch (typeof value) {
    case "bigint":
      return value >= -LARGEST_INT && value < LARGEST_INT ? "int" : "long";
    case "number":
      return "double";
    case "boolean":
      return "boolean";
    case "string":
      return "string";
    default:
      return "dateTime";
  }
}

// --- reading --------------------------------------------------------------------------------------------------------

/**
 * Reads a rule's description.
 * @param named the rule's name where the description does not say it
 * @throws BrokerError InvalidArgument for kinds of filters, actions and values that are not known
 */
export function readRule(description: XmlElement, named: string): RuleDescription {
  const action = readAction(child(description, "Action"));
  return {
    name: textOf(description["Name"]) || named,
    filter: readFilter(child(description, "Filter")),
    ...(action === undefined ? {} : { action }),
  };
}

function readFilter(filter: XmlElement | undefined): Filter {
  const type = typeOf(filter);
  switch (type) {
    case undefined:
    case "TrueFilter":
      return { kind: "true" };
    case "FalseFilter":
      return { kind: "false" };
    case "SqlFilter":
      return { kind: "sql", ...readSql(filter, "SqlFilter") };
    case "CorrelationFilter":
      return readCorrelation(filter);
    default:
      throw invalid(`'${type}' is no kind of filter: SqlFilter, TrueFilter, FalseFilter and CorrelationFilter are.`);
  }
}

function readAction(action: XmlElement | undefined): RuleAction | undefined {
  const type = typeOf(action);
  switch (type) {
    case undefined:
    case "EmptyRuleAction":
      return undefined;
    case "SqlRuleAction":
      return readSql(action, "SqlRuleAction");
    default:
      throw invalid(`'${type}' is no kind of action: SqlRuleAction and EmptyRuleAction are.`);
  }
}

function readSql(sql: XmlElement | undefined, what: string): RuleAction {
  const expression = textOf(sql?.["SqlExpression"]);
  if (expression.trim() === "") {
    throw invalid(`A ${what} needs an SqlExpression.`);
  }
  const parameters = readValues(child(sql, "Parameters"));
  return { expression, ...(parameters === undefined ? {} : { parameters }) };
}

function readCorrelation(filter: XmlElement | undefined): CorrelationFilter {
  const fields = FIELDS.flatMap(([key, name]) => {
    const value = filter?.[name];
    return value === undefined ? [] : [[key, textOf(value)] as const];
  });
  const properties = readValues(child(filter, "Properties"));
  if (fields.length === 0 && properties === undefined) {
    throw invalid("A CorrelationFilter needs at least one property to compare.");
  }
  return {
    kind: "correlation",
    ...Object.fromEntries(fields),
    ...(properties === undefined ? {} : { properties }),
  };
}

function readValues(parent: XmlElement | undefined): SqlParameters | undefined {
  const entries = children(parent, "KeyValueOfstringanyType").map((value) => {
    const entry = child({ entry: value }, "entry");
    const key = textOf(entry?.["Key"]);
    return [key, readValue(key, textOf(entry?.["Value"]), typeOf(entry?.["Value"]) ?? "string")] as const;
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function readValue(key: string, text: string, type: string): SqlParameter {
  switch (type) {
    case "string":
    case "char":
    case "guid":
    case "anyURI":
      return text;
    case "boolean":
      if (/^(true|false|1|0)$/i.test(text)) {
        return /^(true|1)$/i.test(text);
      }
      break;
    case "int":
    case "long":
    case "short":
    case "byte":
    case "unsignedInt":
    case "unsignedLong":
    case "unsignedShort":
    case "unsignedByte":
      if (/^[+-]?\d{1,20}$/.test(text)) {
        return BigInt(text.replace("+", ""));
      }
      break;
    case "double":
    case "float":
    case "decimal":
      if (text.trim() !== "" && !Number.isNaN(Number(text))) {
        return Number(text);
      }
      break;
    case "dateTime": {
      const time = new Date(text);
      if (!Number.isNaN(time.getTime())) {
        return time;
      }
      break;
    }
    default:
      throw invalid(
        `The value of '${key}' is of type '${type}': string, boolean, int, long, double and dateTime are known.`,
      );
  }
  throw invalid(`The value of '${key}' is of type '${type}', and '${text}' is none.`);
}
