import { randomUUID } from "node:crypto";
import type { Expression, Predicate } from "./ast.js";
import { likePattern } from "./like.js";
import { type FilteredMessage, readSystemProperty } from "./systemProperties.js";
import {
  compare,
  compute,
  EvaluationError,
  Guid,
  type SqlParameters,
  type SqlValue,
  signed,
  typeName,
} from "./values.js";

/** A value of a message; undefined for unknown. */
export type Evaluate = (message: FilteredMessage) => SqlValue | undefined;
/** True, false, or undefined for unknown. */
export type Test = (message: FilteredMessage) => boolean | undefined;

/** An application property by its name, whose case is ignored; undefined where there is none. */
export function userProperty(properties: ReadonlyMap<string, SqlValue>, name: string): SqlValue | undefined {
  const exact = properties.get(name);
  if (exact !== undefined) {
    return exact;
  }
  const key = propertyKey(properties, name);
  return key === undefined ? undefined : properties.get(key);
}

/** How a property's name is spelled in a message that has it. */
export function propertyKey(properties: ReadonlyMap<string, SqlValue>, name: string): string | undefined {
  if (properties.has(name)) {
    return name;
  }
  const wanted = name.toLowerCase();
  for (const key of properties.keys()) {
    if (key.toLowerCase() === wanted) {
      return key;
    }
  }
  return undefined;
}

function property(scope: "sys" | "user", name: string): Evaluate {
  return scope === "sys"
    ? (message) => readSystemProperty(name, message)
    : (message) => userProperty(message.facts.properties, name);
}

/** A property whose name is only known with the message. */
function lookup(name: SqlValue | undefined, message: FilteredMessage): SqlValue | undefined {
  if (name === undefined || name === null) {
    return undefined;
  }
  if (typeof name !== "string") {
    throw new EvaluationError(`The name of a property must be a String; it is of type '${typeName(name)}'.`);
  }
  const [, scope, rest] = /^(sys|user)\.(.+)$/is.exec(name) ?? [];
  if (scope === undefined || rest === undefined) {
    return userProperty(message.facts.properties, name);
  }
  if (scope.toLowerCase() === "user") {
    return userProperty(message.facts.properties, rest);
  }
  const value = readSystemProperty(rest, message);
  if (value === undefined) {
    throw new EvaluationError(`'sys.${rest}' is no system property.`);
  }
  return value;
}

/** Makes an expression ready. */
export function compileExpression(expression: Expression, parameters: SqlParameters): Evaluate {
  const compile = (part: Expression): Evaluate => compileExpression(part, parameters);
  switch (expression.kind) {
    case "literal": {
      const { value } = expression;
      return () => value;
    }
    case "parameter": {
      const value = parameterValue(parameters, expression.name);
      return () => value;
    }
    case "property":
      return property(expression.scope, expression.name);
    case "newid":
      return () => new Guid(randomUUID());
    case "lookup": {
      const name = compile(expression.name);
      return (message) => lookup(name(message), message);
    }
    case "sign": {
      const operand = compile(expression.operand);
      return (message) => signed(expression.operator, operand(message));
    }
    case "arithmetic": {
      const left = compile(expression.left);
      const right = compile(expression.right);
      return (message) => compute(expression.operator, left(message), right(message));
    }
  }
}

function parameterValue(parameters: SqlParameters, name: string): SqlValue | undefined {
  const wanted = name.toLowerCase();
  return Object.entries(parameters).find(([key]) => key.replace(/^@/, "").toLowerCase() === wanted)?.[1];
}

/** Makes a condition ready. */
export function compilePredicate(predicate: Predicate, parameters: SqlParameters): Test {
  const value = (part: Expression): Evaluate => compileExpression(part, parameters);
  switch (predicate.kind) {
    case "comparison": {
      const left = value(predicate.left);
      const right = value(predicate.right);
      return (message) => compare(predicate.operator, left(message), right(message));
    }
    case "and":
    case "or":
      return connective(
        compilePredicate(predicate.left, parameters),
        compilePredicate(predicate.right, parameters),
        predicate.kind === "or",
      );
    case "not": {
      const operand = compilePredicate(predicate.operand, parameters);
      return (message) => not(operand(message));
    }
    case "isNull": {
      const operand = value(predicate.operand);
      return (message) => ((operand(message) ?? null) === null) !== predicate.negated;
    }
    case "exists": {
      const { scope, name } = predicate.property;
      // A system property is always there; it exists where the message has a value for it.
      return scope === "sys"
        ? (message) => readSystemProperty(name, message) !== null
        : (message) => propertyKey(message.facts.properties, name) !== undefined;
    }
    case "in":
      return membership(value(predicate.operand), predicate.list.map(value), predicate.negated);
    case "like": {
      const escapeWith = predicate.escapeWith === undefined ? undefined : value(predicate.escapeWith);
      return like(value(predicate.operand), value(predicate.pattern), escapeWith, predicate.negated);
    }
  }
}

function not(value: boolean | undefined): boolean | undefined {
  return value === undefined ? undefined : !value;
}

/** AND and OR: `decides` is the value of one side that settles it. */
function connective(left: Test, right: Test, decides: boolean): Test {
  return (message) => {
    const first = left(message);
    if (first === decides) {
      return decides;
    }
    const second = right(message);
    if (second === decides) {
      return decides;
    }
    return first === undefined || second === undefined ? undefined : !decides;
  };
}

function membership(operand: Evaluate, list: readonly Evaluate[], negated: boolean): Test {
  return (message) => {
    const left = operand(message);
    if (left === undefined || left === null) {
      return undefined;
    }
    let found: boolean | undefined = false;
    for (const item of list) {
      const same = compare("=", left, item(message));
      if (same === true) {
        return !negated;
      }
      if (same === undefined) {
        found = undefined;
      }
    }
    return negated ? not(found) : found;
  };
}

function like(operand: Evaluate, pattern: Evaluate, escapeWith: Evaluate | undefined, negated: boolean): Test {
  let last: { readonly pattern: string; readonly escape: string | undefined; fits(text: string): boolean } | undefined;
  return (message) => {
    const text = operand(message);
    const wanted = pattern(message);
    const escaped = escapeWith === undefined ? undefined : escapeWith(message);
    if (
      (text ?? null) === null ||
      (wanted ?? null) === null ||
      (escapeWith !== undefined && (escaped ?? null) === null)
    ) {
      return undefined;
    }
    if (
      typeof text !== "string" ||
      typeof wanted !== "string" ||
      (escaped !== undefined && typeof escaped !== "string")
    ) {
      const odd = [text, wanted, escaped].find((value) => value !== undefined && typeof value !== "string") ?? null;
      throw new EvaluationError(`LIKE works on operands of type 'String'; one is of type '${typeName(odd)}'.`);
    }
    if (last?.pattern !== wanted || last.escape !== escaped) {
      last = { pattern: wanted, escape: escaped, fits: likePattern(wanted, escaped) };
    }
    return last.fits(text) !== negated;
  };
}
