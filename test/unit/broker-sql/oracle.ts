import type { Expression, Predicate } from "../../../stacks/local/broker/core/sql/ast.js";
import type { SqlValue } from "../../../stacks/local/broker/core/sql/values.js";
import { PROPERTIES } from "./random.js";

// The rules of the SQL of subscription rules written down once more, the plain way, with an answer "error".

type Answer = { readonly is: SqlValue } | "unknown" | "error";
export type Truth = boolean | "unknown" | "error";

const SYSTEM: Readonly<Record<string, SqlValue>> = {
  Label: "order",
  MessageId: "m-1",
  ReplyTo: null,
  SequenceNumber: 17n,
  Size: 120n,
};

function value(expression: Expression): Answer {
  switch (expression.kind) {
    case "literal":
      return { is: expression.value };
    case "property": {
      const known = expression.scope === "sys" ? SYSTEM : PROPERTIES;
      const found = known[expression.name];
      return found === undefined ? "unknown" : { is: found };
    }
    case "lookup":
      return value({
        kind: "property",
        scope: "user",
        name: String(expression.name.kind === "literal" && expression.name.value),
      });
    case "sign": {
      const of = value(expression.operand);
      if (typeof of === "string" || of.is === null) {
        return typeof of === "string" ? of : "unknown";
      }
      if (typeof of.is !== "bigint" && typeof of.is !== "number") {
        return "error";
      }
      return {
        is: expression.operator === "-" ? (typeof of.is === "bigint" ? BigInt.asIntN(64, -of.is) : -of.is) : of.is,
      };
    }
    case "arithmetic":
      return computed(expression.operator, value(expression.left), value(expression.right));
    default:
      return "error";
  }
}

function dotNet(of: SqlValue): string {
  return typeof of === "boolean" ? (of ? "True" : "False") : String(of);
}

function computed(operator: string, left: Answer, right: Answer): Answer {
  if (left === "error" || right === "error") {
    return "error";
  }
  if (left === "unknown" || right === "unknown" || left.is === null || right.is === null) {
    return "unknown";
  }
  const [l, r] = [left.is, right.is];
  if (operator === "+" && (typeof l === "string" || typeof r === "string")) {
    return { is: dotNet(l) + dotNet(r) };
  }
  if (typeof l === "bigint" && typeof r === "bigint") {
    if ((operator === "/" || operator === "%") && r === 0n) {
      return "error";
    }
    const results: Record<string, () => bigint> = {
      "+": () => l + r,
      "-": () => l - r,
      "*": () => l * r,
      "/": () => l / r,
      "%": () => l % r,
    };
    return { is: BigInt.asIntN(64, results[operator]?.() ?? 0n) };
  }
  if (![l, r].every((side) => typeof side === "bigint" || typeof side === "number")) {
    return "error";
  }
  const [x, y] = [Number(l), Number(r)];
  const results: Record<string, number> = { "+": x + y, "-": x - y, "*": x * y, "/": x / y, "%": x % y };
  return { is: results[operator] ?? Number.NaN };
}

function compared(operator: string, left: Answer, right: Answer): Truth {
  if (left === "error" || right === "error") {
    return "error";
  }
  if (left === "unknown" || right === "unknown" || left.is === null || right.is === null) {
    return "unknown";
  }
  let [l, r] = [left.is, right.is] as [bigint | number | string | boolean, bigint | number | string | boolean];
  const numeric = (side: unknown): boolean => typeof side === "bigint" || typeof side === "number";
  if (numeric(l) && numeric(r) && typeof l !== typeof r) {
    [l, r] = [Number(l), Number(r)];
  }
  if (typeof l !== typeof r || (typeof l === "boolean" && operator !== "=" && operator !== "<>")) {
    return "error";
  }
  const results: Record<string, boolean> = {
    "=": l === r,
    "<>": l !== r,
    "<": l < r,
    "<=": l <= r,
    ">": l > r,
    ">=": l >= r,
  };
  return results[operator] ?? "error";
}

function negate(truth: Truth, negated: boolean): Truth {
  return typeof truth === "boolean" && negated ? !truth : truth;
}

/** What a condition says of the message of random conditions. */
export function holds(predicate: Predicate): Truth {
  switch (predicate.kind) {
    case "comparison":
      return compared(predicate.operator, value(predicate.left), value(predicate.right));
    case "not":
      return negate(holds(predicate.operand), true);
    case "and":
    case "or": {
      const decides = predicate.kind === "or";
      const left = holds(predicate.left);
      // The right side is not looked at where the left one has decided, or failed.
      if (left === decides || left === "error") {
        return left;
      }
      const right = holds(predicate.right);
      return right === decides || right === "error"
        ? right
        : left === "unknown" || right === "unknown"
          ? "unknown"
          : !decides;
    }
    case "isNull": {
      const of = value(predicate.operand);
      return of === "error" ? "error" : (of === "unknown" || of.is === null) !== predicate.negated;
    }
    case "exists": {
      const { scope, name } = predicate.property;
      return scope === "sys" ? SYSTEM[name] !== null : name in PROPERTIES;
    }
    case "in": {
      const of = value(predicate.operand);
      if (typeof of === "string" || of.is === null) {
        return typeof of === "string" ? of : "unknown";
      }
      let unknown = false;
      for (const item of predicate.list) {
        const same = compared("=", of, value(item));
        if (same === true || same === "error") {
          return negate(same, predicate.negated);
        }
        unknown ||= same === "unknown";
      }
      return unknown ? "unknown" : predicate.negated;
    }
    case "like": {
      const [of, pattern] = [value(predicate.operand), value(predicate.pattern)];
      if (of === "error" || pattern === "error") {
        return "error";
      }
      if (of === "unknown" || pattern === "unknown" || of.is === null || pattern.is === null) {
        return "unknown";
      }
      if (typeof of.is !== "string" || typeof pattern.is !== "string") {
        return "error";
      }
      return negate(asRegExp(pattern.is, predicate.escapeWith === undefined ? "" : "!").test(of.is), predicate.negated);
    }
  }
}

/** A LIKE pattern as a regular expression; the patterns of these tests never end with their escape character. */
export function asRegExp(pattern: string, by: string): RegExp {
  let text = "";
  const characters = [...pattern];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] ?? "";
    if (by !== "" && character === by) {
      text += (characters[++i] ?? "").replace(/[\\^$.*+?()[\]{}|/]/gu, "\\$&");
    } else {
      text += character === "%" ? ".*" : character === "_" ? "." : character.replace(/[\\^$.*+?()[\]{}|/]/gu, "\\$&");
    }
  }
  return new RegExp(`^${text}$`, "su");
}
