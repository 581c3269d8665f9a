import { BrokerError, BrokerErrorCode } from "../errors.js";

/** What a piece of an expression is. */
export type Token =
  | { readonly kind: "keyword" | "symbol"; readonly text: string; readonly at: number }
  | { readonly kind: "name"; readonly text: string; readonly at: number; readonly delimited: boolean }
  | { readonly kind: "parameter" | "string"; readonly text: string; readonly at: number }
  | { readonly kind: "integer"; readonly value: bigint; readonly text: string; readonly at: number }
  | { readonly kind: "double"; readonly value: number; readonly text: string; readonly at: number }
  | { readonly kind: "end"; readonly text: ""; readonly at: number };

/** The service's limit on an expression, in characters. */
const LONGEST = 1_024;
const KEYWORDS: ReadonlySet<string> = new Set(
  "AND OR NOT IN LIKE ESCAPE IS NULL EXISTS TRUE FALSE SET REMOVE".split(" "),
);
const SPACE = /\s+/y;
const NAME = /\p{L}[\p{L}\p{Nd}_]*/uy;
const PARAMETER = /@[\p{L}_][\p{L}\p{Nd}_]*/uy;
const HEX = /0[xX][0-9A-Fa-f]+/y;
const NUMBER = /\d+(\.\d+)?([eE][+-]?\d+)?/y;
const SYMBOL = /<>|!=|<=|>=|[=<>+\-*/%(),.;]/y;
/** Delimiters of texts and names; the closing one is doubled inside. */
const DELIMITED = [
  { open: "'", close: "'", kind: "string", what: "string" },
  { open: '"', close: '"', kind: "name", what: "quoted identifier" },
  { open: "[", close: "]", kind: "name", what: "delimited identifier" },
] as const;
const AFTER_NUMBER = /[\p{L}\p{Nd}_]/u;

/** A refusal that says where in the expression it is. */
export function syntaxError(expression: string, at: number, what: string): BrokerError {
  const near = expression.slice(at, at + 20);
  return new BrokerError(
    BrokerErrorCode.InvalidArgument,
    `The SQL expression '${expression.length > 200 ? `${expression.slice(0, 200)}…` : expression}' has an error at position ${at + 1}${near === "" ? " (its end)" : `, near '${near}'`}: ${what}.`,
  );
}

/**
 * Takes an expression apart.
 * @throws BrokerError InvalidArgument with the position of what belongs to none
 */
export function tokenize(expression: string): Token[] {
  if (expression.length > LONGEST) {
    throw new BrokerError(
      BrokerErrorCode.InvalidArgument,
      `The SQL expression has ${expression.length} characters, the service takes at most ${LONGEST}.`,
    );
  }
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(expression)?.[0];
  };
  while (at < expression.length) {
    const space = match(SPACE);
    if (space !== undefined) {
      at += space.length;
      continue;
    }
    const token = delimited(expression, at) ?? plain(expression, at, match);
    tokens.push(token.token);
    at = token.end;
  }
  tokens.push({ kind: "end", text: "", at });
  return tokens;
}

interface Found {
  readonly token: Token;
  readonly end: number;
}

function delimited(expression: string, at: number): Found | undefined {
  const style = DELIMITED.find(({ open }) => expression[at] === open);
  if (style === undefined) {
    return undefined;
  }
  let text = "";
  for (let i = at + 1; i < expression.length; i++) {
    if (expression[i] !== style.close) {
      text += expression[i];
    } else if (expression[i + 1] === style.close) {
      text += style.close;
      i++;
    } else {
      if (style.kind === "name" && text === "") {
        throw syntaxError(expression, at, `the ${style.what} is empty`);
      }
      const token: Token =
        style.kind === "name" ? { kind: "name", text, at, delimited: true } : { kind: "string", text, at };
      return { token, end: i + 1 };
    }
  }
  throw syntaxError(expression, at, `the ${style.what} is not closed with ${style.close}`);
}

function plain(expression: string, at: number, match: (pattern: RegExp) => string | undefined): Found {
  const hex = match(HEX);
  const number = hex ?? match(NUMBER);
  if (number !== undefined) {
    const end = at + number.length;
    if (AFTER_NUMBER.test(expression.slice(end, end + 1))) {
      throw syntaxError(expression, at, "a number runs into a name");
    }
    const integer = hex !== undefined || /^\d+$/.test(number);
    const token: Token = integer
      ? { kind: "integer", value: BigInt(number), text: number, at }
      : { kind: "double", value: Number(number), text: number, at };
    return { token, end };
  }
  const parameter = match(PARAMETER);
  if (parameter !== undefined) {
    return { token: { kind: "parameter", text: parameter.slice(1), at }, end: at + parameter.length };
  }
  const name = match(NAME);
  if (name !== undefined) {
    const end = at + name.length;
    const keyword = name.toUpperCase();
    return KEYWORDS.has(keyword)
      ? { token: { kind: "keyword", text: keyword, at }, end }
      : { token: { kind: "name", text: name, at, delimited: false }, end };
  }
  const symbol = match(SYMBOL);
  if (symbol === undefined) {
    throw syntaxError(
      expression,
      at,
      `'${String.fromCodePoint(expression.codePointAt(at) ?? 0)}' belongs to no expression`,
    );
  }
  return { token: { kind: "symbol", text: symbol === "!=" ? "<>" : symbol, at }, end: at + symbol.length };
}
