import type { MessageFacts } from "../content.js";
import type { Statement } from "./ast.js";
import { compileExpression, type Evaluate, propertyKey } from "./evaluator.js";
import { type FilteredMessage, type SettableProperty, settableProperty } from "./systemProperties.js";
import { Duration, EvaluationError, format, Guid, type SqlParameters, type SqlValue, typeName } from "./values.js";

/** What an action changes of a message. */
export interface MessageEdits {
  /** System properties: texts, times in milliseconds; undefined takes one away. */
  readonly system: ReadonlyMap<SettableProperty, string | number | undefined>;
  /** Application properties; undefined takes one away. */
  readonly properties: ReadonlyMap<string, SqlValue | undefined>;
}

/** Works out what an action changes; the message itself stays as it is. */
export type Action = (message: FilteredMessage) => MessageEdits;

/** The message as it is in the middle of an action: a later statement sees what an earlier one did. */
interface Draft {
  readonly message: FilteredMessage & { facts: MessageFacts };
  readonly properties: Map<string, SqlValue>;
  readonly system: Map<SettableProperty, string | number | undefined>;
  readonly edits: Map<string, SqlValue | undefined>;
}

/** Makes an action ready. */
export function compileAction(statements: readonly Statement[], parameters: SqlParameters): Action {
  const steps = statements.map((statement) => step(statement, parameters));
  return (message) => {
    const properties = new Map(message.facts.properties);
    const draft: Draft = {
      message: { ...message, facts: { ...message.facts, properties } },
      properties,
      system: new Map(),
      edits: new Map(),
    };
    for (const run of steps) {
      run(draft);
    }
    return { system: draft.system, properties: draft.edits };
  };
}

function step(statement: Statement, parameters: SqlParameters): (draft: Draft) => void {
  const { scope, name } = statement.property;
  const value: Evaluate = statement.kind === "set" ? compileExpression(statement.value, parameters) : () => undefined;
  if (scope === "sys") {
    const key = settableProperty(name);
    if (key === undefined) {
      throw new EvaluationError(`'sys.${name}' cannot be set.`);
    }
    return (draft) => setSystem(draft, name, key, value(draft.message) ?? null);
  }
  return (draft) => {
    const existing = propertyKey(draft.properties, name);
    const key = existing ?? name;
    if (statement.kind === "remove") {
      draft.properties.delete(key);
      draft.edits.set(key, undefined);
      return;
    }
    const before = existing === undefined ? undefined : draft.properties.get(existing);
    const after = convert(value(draft.message) ?? null, before);
    draft.properties.set(key, after);
    draft.edits.set(key, after);
  };
}

function setSystem(draft: Draft, name: string, key: SettableProperty, value: SqlValue): void {
  const converted = value === null ? undefined : systemValue(name, key, value);
  draft.system.set(key, converted);
  draft.message.facts = { ...draft.message.facts, [key]: converted };
}

function systemValue(name: string, key: SettableProperty, value: SqlValue): string | number {
  switch (key) {
    case "timeToLiveMs": {
      const milliseconds = value instanceof Duration ? value.milliseconds : parseTimeSpan(value);
      if (milliseconds !== undefined && milliseconds > 0) {
        return milliseconds;
      }
      break;
    }
    case "scheduledAt": {
      const time = value instanceof Date ? value : toDate(value);
      if (time !== undefined) {
        return time.getTime();
      }
      break;
    }
    default:
      if (!(value instanceof Uint8Array)) {
        return format(value);
      }
  }
  throw new EvaluationError(
    `'sys.${name}' cannot be set to a value of type '${typeName(value)}' ('${format(value)}').`,
  );
}

/** Milliseconds of a time span as .NET writes one: `[d.]hh:mm[:ss[.fffffff]]`, or days alone. */
function parseTimeSpan(value: SqlValue): number | undefined {
  const match =
    typeof value === "string" ? /^(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2}(?:\.\d{1,7})?))?$/.exec(value) : null;
  if (match === null) {
    return undefined;
  }
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0));
  return hours < 24 && minutes < 60 && seconds < 60
    ? Math.round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000)
    : undefined;
}

function toDate(value: SqlValue): Date | undefined {
  const time = typeof value === "string" ? new Date(value) : undefined;
  return time === undefined || Number.isNaN(time.getTime()) ? undefined : time;
}

/** A value as the kind that the property has already, where it can be; as it is where it cannot. */
function convert(value: SqlValue, before: SqlValue | undefined): SqlValue {
  if (value === null || before === undefined || before === null || typeName(value) === typeName(before)) {
    return value;
  }
  return as(value, before) ?? value;
}

function as(value: Exclude<SqlValue, null>, kind: Exclude<SqlValue, null>): SqlValue | undefined {
  if (typeof kind === "string") {
    return value instanceof Uint8Array ? undefined : format(value);
  }
  if (typeof kind === "bigint") {
    return toWhole(value);
  }
  if (typeof kind === "number") {
    return toDouble(value);
  }
  if (typeof kind === "boolean") {
    return toBoolean(value);
  }
  if (kind instanceof Date) {
    return toDate(value);
  }
  return kind instanceof Guid && typeof value === "string" && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)
    ? new Guid(value)
    : undefined;
}

function toWhole(value: Exclude<SqlValue, null>): bigint | undefined {
  if (typeof value === "number") {
    return Number.isFinite(value) ? BigInt(halfToEven(value)) : undefined;
  }
  if (typeof value === "boolean") {
    return value ? 1n : 0n;
  }
  return typeof value === "string" && /^\s*[+-]?\d{1,18}\s*$/.test(value)
    ? BigInt(value.trim().replace("+", ""))
    : undefined;
}

function toDouble(value: Exclude<SqlValue, null>): number | undefined {
  if (typeof value === "bigint" || typeof value === "boolean") {
    return Number(value);
  }
  const parsed = typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;
  return Number.isNaN(parsed) ? undefined : parsed;
}

function toBoolean(value: Exclude<SqlValue, null>): boolean | undefined {
  if (typeof value === "bigint" || typeof value === "number") {
    return Number(value) !== 0;
  }
  const text = typeof value === "string" ? value.trim().toLowerCase() : "";
  return text === "true" ? true : text === "false" ? false : undefined;
}

/** .NET rounds a half to the even number. */
function halfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}
