/** A time span, as the service's `TimeToLive` is one. */
export class Duration {
  readonly milliseconds: number;

  constructor(milliseconds: number) {
    this.milliseconds = milliseconds;
  }

  /** As .NET writes it: `1.02:03:04.5000000`. */
  toString(): string {
    const ms = Math.abs(Math.round(this.milliseconds));
    const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
    const days = Math.floor(ms / 86_400_000);
    const fraction = ms % 1_000;
    return `${this.milliseconds < 0 ? "-" : ""}${days === 0 ? "" : `${days}.`}${two((ms / 3_600_000) % 24)}:${two((ms / 60_000) % 60)}:${two((ms / 1_000) % 60)}${fraction === 0 ? "" : `.${String(fraction).padStart(3, "0")}0000`}`;
  }
}

/** A UUID in lower case with its dashes. */
export class Guid {
  readonly text: string;

  constructor(text: string) {
    this.text = text.toLowerCase();
  }

  toString(): string {
    return this.text;
  }
}

/**
 * A value in an expression. Whole numbers of every width are `bigint` (the service computes with Int64), `number` is a
 * Double; bytes can only be asked for whether they are there.
 */
export type SqlValue = null | boolean | string | bigint | number | Date | Guid | Duration | Uint8Array;

/** What a filter's parameter `@name` may stand for. */
export type SqlParameter = string | number | bigint | boolean | Date;
/** Parameters by name, with or without the `@`. */
export type SqlParameters = Readonly<Record<string, SqlParameter>>;

/** An expression cannot be evaluated on a message: types that do not go together, a division by zero. */
export class EvaluationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FilterException";
  }
}

export type ComparisonOperator = "=" | "<>" | "<" | "<=" | ">" | ">=";
export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%";

/** A type's name as .NET, and with it the service, says it. */
export function typeName(value: SqlValue): string {
  switch (typeof value) {
    case "boolean":
      return "Boolean";
    case "string":
      return "String";
    case "bigint":
      return "Int64";
    case "number":
      return "Double";
    default:
      break;
  }
  if (value === null) {
    return "null";
  }
  return value instanceof Date
    ? "DateTime"
    : value instanceof Guid
      ? "Guid"
      : value instanceof Duration
        ? "TimeSpan"
        : "Byte[]";
}

function mismatch(operator: string, left: SqlValue, right: SqlValue): EvaluationError {
  return new EvaluationError(
    `Operator '${operator}' cannot be applied to operands of type '${typeName(left)}' and '${typeName(right)}'.`,
  );
}

/** Two values of one kind as something that `<` orders; undefined where they cannot be ordered. */
function ordered(left: SqlValue, right: SqlValue): readonly [number, number] | readonly [string, string] | undefined {
  if (typeof left === "string" && typeof right === "string") {
    return [left, right];
  }
  if (typeof left === "bigint" && typeof right === "bigint") {
    return [left < right ? -1 : left > right ? 1 : 0, 0];
  }
  if (isNumeric(left) && isNumeric(right)) {
    return [Number(left), Number(right)];
  }
  if (left instanceof Date && right instanceof Date) {
    return [left.getTime(), right.getTime()];
  }
  if (left instanceof Duration && right instanceof Duration) {
    return [left.milliseconds, right.milliseconds];
  }
  return undefined;
}

function isNumeric(value: SqlValue): value is bigint | number {
  return typeof value === "bigint" || typeof value === "number";
}

/**
 * Compares as C# does: whole numbers with each other, a whole number with a Double as a Double, texts by their
 * characters. Null and unknown compare to nothing.
 * @returns undefined for unknown
 */
export function compare(
  operator: ComparisonOperator,
  left: SqlValue | undefined,
  right: SqlValue | undefined,
): boolean | undefined {
  if (left === undefined || left === null || right === undefined || right === null) {
    return undefined;
  }
  const pair = ordered(left, right);
  if (pair !== undefined) {
    const [a, b] = pair;
    switch (operator) {
      case "=":
        return a === b;
      case "<>":
        return a !== b;
      case "<":
        return a < b;
      case "<=":
        return a <= b;
      case ">":
        return a > b;
      case ">=":
        return a >= b;
    }
  }
  const same = sameIdentity(left, right);
  if (same === undefined || (operator !== "=" && operator !== "<>")) {
    throw mismatch(operator, left, right);
  }
  return (operator === "=") === same;
}

/** Equality of what has no order; undefined where the kinds differ. */
function sameIdentity(left: SqlValue, right: SqlValue): boolean | undefined {
  if (typeof left === "boolean" && typeof right === "boolean") {
    return left === right;
  }
  return left instanceof Guid && right instanceof Guid ? left.text === right.text : undefined;
}

/** Whether a message's value is the one that a correlation filter names: of one kind, whatever width it was sent in. */
export function correlates(value: SqlValue | undefined, wanted: SqlParameter): boolean {
  if (value === undefined || value === null) {
    return false;
  }
  if (value instanceof Guid && typeof wanted === "string") {
    return value.text === wanted.toLowerCase();
  }
  const pair = ordered(value, wanted);
  return pair === undefined ? value === wanted : pair[0] === pair[1];
}

/** Computes as C# does, unchecked: whole numbers wrap at 64 bits and are divided whole. */
export function compute(
  operator: ArithmeticOperator,
  left: SqlValue | undefined,
  right: SqlValue | undefined,
): SqlValue | undefined {
  if (left === undefined || left === null || right === undefined || right === null) {
    return undefined;
  }
  if (operator === "+" && (typeof left === "string" || typeof right === "string")) {
    return format(left) + format(right);
  }
  if (typeof left === "bigint" && typeof right === "bigint") {
    return whole(operator, left, right);
  }
  if (isNumeric(left) && isNumeric(right)) {
    return floating(operator, Number(left), Number(right));
  }
  return times(operator, left, right);
}

function whole(operator: ArithmeticOperator, left: bigint, right: bigint): bigint {
  if ((operator === "/" || operator === "%") && right === 0n) {
    throw new EvaluationError("Attempted to divide by zero.");
  }
  switch (operator) {
    case "+":
      return BigInt.asIntN(64, left + right);
    case "-":
      return BigInt.asIntN(64, left - right);
    case "*":
      return BigInt.asIntN(64, left * right);
    case "/":
      return BigInt.asIntN(64, left / right);
    case "%":
      return left % right;
  }
}

function floating(operator: ArithmeticOperator, left: number, right: number): number {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
    case "%":
      return left % right;
  }
}

function times(operator: ArithmeticOperator, left: SqlValue, right: SqlValue): SqlValue {
  const sign = operator === "-" ? -1 : 1;
  if (operator === "+" || operator === "-") {
    if (left instanceof Date && right instanceof Duration) {
      return new Date(left.getTime() + sign * right.milliseconds);
    }
    if (left instanceof Duration && right instanceof Duration) {
      return new Duration(left.milliseconds + sign * right.milliseconds);
    }
    if (operator === "-" && left instanceof Date && right instanceof Date) {
      return new Duration(left.getTime() - right.getTime());
    }
  }
  throw mismatch(operator, left, right);
}

/** The sign in front of a value. */
export function signed(operator: "+" | "-", value: SqlValue | undefined): SqlValue | undefined {
  if (value === undefined || value === null) {
    return undefined;
  }
  if (typeof value === "bigint") {
    return operator === "+" ? value : BigInt.asIntN(64, -value);
  }
  if (typeof value === "number") {
    return operator === "+" ? value : -value;
  }
  if (value instanceof Duration) {
    return operator === "+" ? value : new Duration(-value.milliseconds);
  }
  throw new EvaluationError(`Operator '${operator}' cannot be applied to an operand of type '${typeName(value)}'.`);
}

/** A value as text, as .NET writes it. */
export function format(value: SqlValue): string {
  if (value === null) {
    return "";
  }
  if (typeof value === "boolean") {
    return value ? "True" : "False";
  }
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? "" : value.toISOString();
  }
  return value instanceof Uint8Array ? "System.Byte[]" : String(value);
}
