import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Predicate, Statement } from "../../../stacks/local/broker/core/sql/ast.js";
import { compilePredicate } from "../../../stacks/local/broker/core/sql/evaluator.js";
import { likePattern } from "../../../stacks/local/broker/core/sql/like.js";
import { parseAction, parseFilter } from "../../../stacks/local/broker/core/sql/parser.js";
import { message } from "./kit.js";
import { asRegExp, holds, type Truth } from "./oracle.js";
import { expressions, PROPERTIES, predicates, print, printExpression, printProperty, user } from "./random.js";

const MESSAGE = message(PROPERTIES, { subject: "order" });

function outcome(predicate: Predicate): Truth {
  try {
    return compilePredicate(predicate, {})(MESSAGE) ?? "unknown";
  } catch (error) {
    if (error instanceof Error && error.name === "FilterException") {
      return "error";
    }
    throw error;
  }
}

describe("for any condition", () => {
  it("the evaluator says what the rules of three-valued logic say", () => {
    const seen = new Set<Truth>();
    fc.assert(
      fc.property(predicates.any, (predicate) => {
        const expected = holds(predicate);
        seen.add(expected);
        expect(outcome(predicate)).toBe(expected);
      }),
      { numRuns: 3_000 },
    );
    // The generator reaches every answer, or the property would say nothing.
    expect(seen).toEqual(new Set([true, false, "unknown", "error"]));
  });

  it("what is printed is parsed to the same", () => {
    fc.assert(
      fc.property(
        predicates.any.filter((predicate) => print(predicate).length <= 1_024),
        (predicate) => {
          expect(parseFilter(print(predicate))).toEqual(predicate);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

it("any action that is printed is parsed to the same", () => {
  const statement: fc.Arbitrary<Statement> = fc.oneof(
    fc.record({ kind: fc.constant("remove"), property: user }) as fc.Arbitrary<Statement>,
    fc.record({ kind: fc.constant("set"), property: user, value: expressions.any }) as fc.Arbitrary<Statement>,
  );
  const text = (of: Statement): string =>
    of.kind === "remove"
      ? `REMOVE ${printProperty(of.property.name, of.property.scope)}`
      : `SET ${printProperty(of.property.name, of.property.scope)} = ${printExpression(of.value)}`;
  fc.assert(
    fc.property(
      fc.array(statement, { minLength: 1, maxLength: 5 }),
      fc.constantFrom("; ", " ", ";"),
      (all, between) => {
        const printed = all.map(text).join(between);
        fc.pre(printed.length <= 1_024);
        expect(parseAction(printed)).toEqual(all);
      },
    ),
    { numRuns: 500 },
  );
});

it("no text does anything but parse or be refused with its position", () => {
  const word = fc.constantFrom(
    ..."SET REMOVE AND OR NOT IN LIKE ESCAPE IS NULL EXISTS TRUE ( ) [ ] ' \" = <> < + - * / % , . ; @p sys. user. a b1 1 2.5 0x1F newid property".split(
      " ",
    ),
  );
  const text = fc.oneof(
    fc.array(fc.oneof(word, fc.string({ maxLength: 4 })), { maxLength: 40 }).map((words) => words.join(" ")),
    fc.string({ unit: "binary", maxLength: 100 }),
  );
  fc.assert(
    fc.property(text, (expression) => {
      for (const parse of [parseFilter, parseAction]) {
        try {
          parse(expression, { p: 1 });
        } catch (error) {
          expect(error).toMatchObject({ name: "BrokerError", code: "InvalidArgument" });
          expect(String(error)).toMatch(/at position \d+|characters/);
        }
      }
    }),
    { numRuns: 1_000 },
  );
});

it("LIKE says what a regular expression of the same meaning says, and is not slow where that would be", () => {
  const pattern = fc.array(fc.constantFrom("a", "b", "%", "_", "!%", "!_", "!!", ".", "ü", "😀"), { maxLength: 10 });
  const text = fc.array(fc.constantFrom("a", "b", "%", "_", "!", ".", "ü", "😀"), { maxLength: 10 });
  fc.assert(
    fc.property(pattern, text, (pieces, characters) => {
      const joined = pieces.join("");
      expect(likePattern(joined, "!")(characters.join(""))).toBe(asRegExp(joined, "!").test(characters.join("")));
    }),
    { numRuns: 1_000 },
  );
  expect(likePattern(`${"%a".repeat(500)}b`, undefined)("a".repeat(10_000))).toBe(false);
});
