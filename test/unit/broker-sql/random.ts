import fc from "fast-check";
import type { Expression, Predicate } from "../../../stacks/local/broker/core/sql/ast.js";
import type { SqlValue } from "../../../stacks/local/broker/core/sql/values.js";

// Random conditions over one message, and how they are written.

/** The properties of the message that random conditions are about. */
export const PROPERTIES: Readonly<Record<string, SqlValue>> = {
  a: 7n,
  b: 2.5,
  c: "blue",
  d: true,
  e: null,
  "f ]g": -3n,
};

export const user = fc
  .constantFrom(...Object.keys(PROPERTIES), "missing")
  .map((name) => ({ kind: "property", scope: "user", name }) as const);
const system = fc
  .constantFrom("Label", "MessageId", "ReplyTo", "SequenceNumber", "Size")
  .map((name) => ({ kind: "property", scope: "sys", name }) as const);
const constant = fc
  .oneof(
    fc.bigInt({ min: 0n, max: 1_000n }),
    fc.constantFrom(0.5, 2.5, 1e3 + 0.25),
    fc.constantFrom("", "blue", "b%", "it's", "m-1"),
    fc.boolean(),
    fc.constant(null),
  )
  .map((value) => ({ kind: "literal", value }) as const);

export const expressions = fc.letrec<{ any: Expression }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    constant,
    user,
    system,
    fc.record({
      kind: fc.constant("sign"),
      operator: fc.constantFrom("+", "-"),
      operand: tie("any"),
    }) as fc.Arbitrary<Expression>,
    fc.record({
      kind: fc.constant("lookup"),
      name: fc.constantFrom("a", "c", "missing").map((value) => ({ kind: "literal", value }) as const),
    }) as fc.Arbitrary<Expression>,
    fc.record({
      kind: fc.constant("arithmetic"),
      operator: fc.constantFrom("+", "-", "*", "/", "%"),
      left: tie("any"),
      right: tie("any"),
    }) as fc.Arbitrary<Expression>,
  ),
}));

export const predicates = fc.letrec<{ any: Predicate }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.record({
      kind: fc.constant("comparison"),
      operator: fc.constantFrom("=", "<>", "<", "<=", ">", ">="),
      left: expressions.any,
      right: expressions.any,
    }) as fc.Arbitrary<Predicate>,
    fc.record({ kind: fc.constant("isNull"), operand: user, negated: fc.boolean() }) as fc.Arbitrary<Predicate>,
    fc.record({ kind: fc.constant("exists"), property: fc.oneof(user, system) }) as fc.Arbitrary<Predicate>,
    fc.record({
      kind: fc.constant("in"),
      operand: expressions.any,
      list: fc.array(expressions.any, { minLength: 1, maxLength: 3 }),
      negated: fc.boolean(),
    }) as fc.Arbitrary<Predicate>,
    fc.record({
      kind: fc.constant("like"),
      operand: expressions.any,
      pattern: expressions.any,
      escapeWith: fc.constantFrom(undefined, { kind: "literal", value: "!" }),
      negated: fc.boolean(),
    }) as fc.Arbitrary<Predicate>,
    fc.record({ kind: fc.constant("not"), operand: tie("any") }) as fc.Arbitrary<Predicate>,
    fc.record({ kind: fc.constantFrom("and", "or"), left: tie("any"), right: tie("any") }) as fc.Arbitrary<Predicate>,
  ),
}));

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function literal(value: SqlValue): string {
  if (typeof value === "string") {
    return quoted(value);
  }
  if (typeof value === "number") {
    const text = String(value);
    return /^\d+$/.test(text) ? `${text}.0` : text;
  }
  return value === null ? "NULL" : String(value).toUpperCase();
}

export function printProperty(name: string, scope: "sys" | "user"): string {
  return `${scope}.[${name.replaceAll("]", "]]")}]`;
}

export function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case "literal":
      return literal(expression.value);
    case "property":
      return printProperty(expression.name, expression.scope);
    case "parameter":
      return `@${expression.name}`;
    case "newid":
      return "newid()";
    case "lookup":
      return `property(${printExpression(expression.name)})`;
    case "sign":
      return `(${expression.operator} ${printExpression(expression.operand)})`;
    case "arithmetic":
      return `(${printExpression(expression.left)} ${expression.operator} ${printExpression(expression.right)})`;
  }
}

/** A condition with every parenthesis, as text. */
export function print(predicate: Predicate): string {
  const not = "negated" in predicate && predicate.negated ? "NOT " : "";
  switch (predicate.kind) {
    case "comparison":
      return `(${printExpression(predicate.left)} ${predicate.operator} ${printExpression(predicate.right)})`;
    case "and":
    case "or":
      return `(${print(predicate.left)} ${predicate.kind.toUpperCase()} ${print(predicate.right)})`;
    case "not":
      return `(NOT ${print(predicate.operand)})`;
    case "isNull":
      return `(${printExpression(predicate.operand)} IS ${not}NULL)`;
    case "in":
      return `(${printExpression(predicate.operand)} ${not}IN (${predicate.list.map(printExpression).join(", ")}))`;
    case "like": {
      const by = predicate.escapeWith === undefined ? "" : ` ESCAPE ${printExpression(predicate.escapeWith)}`;
      return `(${printExpression(predicate.operand)} ${not}LIKE ${printExpression(predicate.pattern)}${by})`;
    }
    case "exists":
      return `EXISTS(${printProperty(predicate.property.name, predicate.property.scope)})`;
  }
}
