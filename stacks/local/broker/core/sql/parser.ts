import type { Expression, Predicate, PropertyReference, Statement } from "./ast.js";
import { syntaxError, type Token, tokenize } from "./lexer.js";
import { checkSystemProperty } from "./systemProperties.js";
import type { ArithmeticOperator, ComparisonOperator, SqlParameters } from "./values.js";

/** How deep parentheses, signs and NOTs may nest; the service's 1,024 characters hold no sensible more. */
const DEEPEST = 100;
/** The service's limit on an action. */
const MOST_STATEMENTS = 32;
const LARGEST = 2n ** 63n;
const COMPARISONS: readonly ComparisonOperator[] = ["=", "<>", "<", "<=", ">", ">="];

/** What parentheses hold is known only when they close. */
type Node = { readonly expression: Expression } | { readonly predicate: Predicate };

/**
 * Parses a filter's expression.
 * @param parameters what its `@names` stand for; one that is missing is refused
 * @throws BrokerError InvalidArgument with the position of what cannot be understood
 */
export function parseFilter(expression: string, parameters: SqlParameters = {}): Predicate {
  const parser = new Parser(expression, parameters);
  return parser.whole(() => parser.predicate());
}

/** Parses an action's statements; as `parseFilter`. */
export function parseAction(expression: string, parameters: SqlParameters = {}): Statement[] {
  const parser = new Parser(expression, parameters);
  return parser.whole(() => parser.statements());
}

/** The name of a parameter, without the `@` under which it may have been given. */
export function parameterNames(parameters: SqlParameters): ReadonlySet<string> {
  return new Set(Object.keys(parameters).map((name) => name.replace(/^@/, "").toLowerCase()));
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly #parameters: ReadonlySet<string>;
  #next = 0;
  #depth = 0;

  constructor(text: string, parameters: SqlParameters) {
    this.#text = text;
    this.#tokens = tokenize(text);
    this.#parameters = parameterNames(parameters);
  }

  /** Runs one rule of the grammar, which must use up the text. */
  whole<T>(rule: () => T): T {
    if (this.#ended()) {
      throw this.#error("it is empty");
    }
    const result = rule();
    if (!this.#ended()) {
      throw this.#error("it should end here");
    }
    return result;
  }

  // --- tokens ---------------------------------------------------------------------------------------------------

  get #token(): Token {
    return this.#tokens[this.#next] ?? { kind: "end", text: "", at: this.#text.length };
  }

  #ended(): boolean {
    return this.#token.kind === "end";
  }

  #error(what: string, token: Token = this.#token): Error {
    return syntaxError(this.#text, token.at, what);
  }

  #is(text: string): boolean {
    const token = this.#token;
    return (token.kind === "keyword" || token.kind === "symbol") && token.text === text;
  }

  #accept(text: string): boolean {
    const found = this.#is(text);
    if (found) {
      this.#next++;
    }
    return found;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) {
      throw this.#error(`'${text}' is expected`);
    }
  }

  #nested<T>(rule: () => T): T {
    this.#depth++;
    if (this.#depth > DEEPEST) {
      throw this.#error(`it nests more than ${DEEPEST} deep`);
    }
    const result = rule();
    this.#depth--;
    return result;
  }

  // --- predicates -----------------------------------------------------------------------------------------------

  predicate(): Predicate {
    const start = this.#token;
    return this.#asPredicate(this.#or(), start);
  }

  #asPredicate(node: Node, start: Token): Predicate {
    if ("predicate" in node) {
      return node.predicate;
    }
    throw this.#error("a condition is expected here, this is a value: compare it, for example with = TRUE", start);
  }

  #asExpression(node: Node, start: Token): Expression {
    if ("expression" in node) {
      return node.expression;
    }
    throw this.#error("a value is expected here, this is a condition", start);
  }

  #or(): Node {
    const start = this.#token;
    let left = this.#and();
    while (this.#accept("OR")) {
      const next = this.#token;
      left = {
        predicate: {
          kind: "or",
          left: this.#asPredicate(left, start),
          right: this.#asPredicate(this.#and(), next),
        },
      };
    }
    return left;
  }

  #and(): Node {
    const start = this.#token;
    let left = this.#not();
    while (this.#accept("AND")) {
      const next = this.#token;
      left = {
        predicate: {
          kind: "and",
          left: this.#asPredicate(left, start),
          right: this.#asPredicate(this.#not(), next),
        },
      };
    }
    return left;
  }

  #not(): Node {
    if (!this.#accept("NOT")) {
      return this.#condition();
    }
    const start = this.#token;
    return this.#nested(() => ({ predicate: { kind: "not", operand: this.#asPredicate(this.#not(), start) } }));
  }

  #condition(): Node {
    if (this.#accept("EXISTS")) {
      this.#expect("(");
      const property = this.#property();
      this.#expect(")");
      return { predicate: { kind: "exists", property } };
    }
    const start = this.#token;
    const node = this.#sum();
    const token = this.#token;
    const operator = COMPARISONS.find((known) => token.kind === "symbol" && token.text === known);
    if (operator !== undefined) {
      this.#next++;
      const left = this.#asExpression(node, start);
      return { predicate: { kind: "comparison", operator, left, right: this.expression() } };
    }
    if (this.#accept("IS")) {
      const operand = this.#asExpression(node, start);
      if (operand.kind !== "property" && operand.kind !== "lookup") {
        throw this.#error("IS NULL asks for a property", start);
      }
      const negated = this.#accept("NOT");
      this.#expect("NULL");
      return { predicate: { kind: "isNull", operand, negated } };
    }
    const negated = this.#accept("NOT");
    if (this.#accept("IN")) {
      return { predicate: this.#in(this.#asExpression(node, start), negated) };
    }
    if (this.#accept("LIKE")) {
      return { predicate: this.#like(this.#asExpression(node, start), negated) };
    }
    if (negated) {
      throw this.#error("IN or LIKE is expected after NOT");
    }
    return node;
  }

  #in(operand: Expression, negated: boolean): Predicate {
    this.#expect("(");
    const list = [this.expression()];
    while (this.#accept(",")) {
      list.push(this.expression());
    }
    this.#expect(")");
    return { kind: "in", operand, list, negated };
  }

  #like(operand: Expression, negated: boolean): Predicate {
    const pattern = this.expression();
    const escapeWith = this.#accept("ESCAPE") ? this.expression() : undefined;
    return { kind: "like", operand, pattern, escapeWith, negated };
  }

  // --- expressions ----------------------------------------------------------------------------------------------

  expression(): Expression {
    const start = this.#token;
    return this.#asExpression(this.#sum(), start);
  }

  #sum(): Node {
    return this.#operations(["+", "-"], () => this.#operations(["*", "/", "%"], () => this.#signed()));
  }

  #operations(operators: readonly ArithmeticOperator[], operand: () => Node): Node {
    const start = this.#token;
    let left = operand();
    for (;;) {
      const operator = operators.find((known) => this.#is(known));
      if (operator === undefined) {
        return left;
      }
      this.#next++;
      const next = this.#token;
      const expression: Expression = {
        kind: "arithmetic",
        operator,
        left: this.#asExpression(left, start),
        right: this.#asExpression(operand(), next),
      };
      left = { expression };
    }
  }

  #signed(): Node {
    const operator = this.#is("-") ? "-" : this.#is("+") ? "+" : undefined;
    if (operator === undefined) {
      return this.#primary();
    }
    this.#next++;
    const token = this.#token;
    // The smallest Int64 has no positive counterpart: a minus belongs to the number that follows it.
    if (operator === "-" && token.kind === "integer" && token.value === LARGEST) {
      this.#next++;
      return { expression: { kind: "literal", value: -LARGEST } };
    }
    return this.#nested(() => {
      const operand = this.#asExpression(this.#signed(), token);
      return { expression: { kind: "sign", operator, operand } };
    });
  }

  #primary(): Node {
    const token = this.#token;
    if (this.#accept("(")) {
      return this.#nested(() => {
        const node = this.#or();
        this.#expect(")");
        return node;
      });
    }
    if (this.#accept("TRUE") || this.#accept("FALSE")) {
      return { expression: { kind: "literal", value: token.text === "TRUE" } };
    }
    if (this.#accept("NULL")) {
      return { expression: { kind: "literal", value: null } };
    }
    switch (token.kind) {
      case "string":
        this.#next++;
        return { expression: { kind: "literal", value: token.text } };
      case "double":
        this.#next++;
        return { expression: { kind: "literal", value: token.value } };
      case "integer":
        if (token.value >= LARGEST) {
          throw this.#error(`the number is beyond ${LARGEST - 1n}`);
        }
        this.#next++;
        return { expression: { kind: "literal", value: token.value } };
      case "parameter":
        if (!this.#parameters.has(token.text.toLowerCase())) {
          throw this.#error(`the parameter '@${token.text}' has no value`);
        }
        this.#next++;
        return { expression: { kind: "parameter", name: token.text } };
      case "name":
        return { expression: this.#call() ?? this.#property() };
      default:
        throw this.#error("a value is expected here");
    }
  }

  /** A function, where a name is followed by a parenthesis. */
  #call(): Expression | undefined {
    const token = this.#token;
    const after = this.#tokens[this.#next + 1];
    if (token.kind !== "name" || token.delimited || after?.kind !== "symbol" || after.text !== "(") {
      return undefined;
    }
    this.#next += 2;
    switch (token.text.toLowerCase()) {
      case "newid":
        this.#expect(")");
        return { kind: "newid" };
      case "property":
      case "p": {
        const name = this.#nested(() => this.expression());
        this.#expect(")");
        return { kind: "lookup", name };
      }
      default:
        throw this.#error(`'${token.text}' is no function: newid(), property(name) and p(name) are`, token);
    }
  }

  #property(): PropertyReference {
    const first = this.#name();
    if (first.delimited || !this.#accept(".")) {
      return { kind: "property", scope: "user", name: first.text };
    }
    const scope = first.text.toLowerCase();
    const token = this.#token;
    const { text: name } = this.#name();
    if (scope === "user") {
      return { kind: "property", scope, name };
    }
    if (scope !== "sys") {
      throw this.#error(`'${first.text}' is no scope: sys and user are`, first.token);
    }
    const problem = checkSystemProperty(name);
    if (problem !== undefined) {
      throw this.#error(problem, token);
    }
    return { kind: "property", scope, name };
  }

  #name(): { readonly text: string; readonly delimited: boolean; readonly token: Token } {
    const token = this.#token;
    if (token.kind !== "name") {
      throw this.#error("the name of a property is expected here; a reserved word stands in [brackets]");
    }
    this.#next++;
    return { text: token.text, delimited: token.delimited, token };
  }

  // --- actions --------------------------------------------------------------------------------------------------

  statements(): Statement[] {
    const statements: Statement[] = [];
    while (!this.#ended()) {
      if (statements.length === MOST_STATEMENTS) {
        throw this.#error(`an action has at most ${MOST_STATEMENTS} statements`);
      }
      statements.push(this.#statement());
      this.#accept(";");
    }
    return statements;
  }

  #statement(): Statement {
    const remove = this.#accept("REMOVE");
    if (!remove && !this.#accept("SET")) {
      throw this.#error("SET or REMOVE is expected here");
    }
    const token = this.#token;
    const property = this.#property();
    const problem = property.scope === "sys" ? checkSystemProperty(property.name, true) : undefined;
    if (problem !== undefined) {
      throw this.#error(problem, token);
    }
    if (remove) {
      return { kind: "remove", property };
    }
    this.#expect("=");
    return { kind: "set", property, value: this.expression() };
  }
}
