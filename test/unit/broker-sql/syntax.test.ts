import { describe, expect, it } from "vitest";
import { parseAction, parseFilter } from "../../../stacks/local/broker/core/sql/parser.js";

describe("an expression that cannot be understood is refused with its place", () => {
  it.each([
    ["", "its end): it is empty"],
    ["   ", "it is empty"],
    ["color", "position 1, near 'color': a condition is expected here"],
    ["color = ", "position 9 (its end): a value is expected here"],
    ["color == 'a'", "position 8, near '= 'a'': a value is expected here"],
    ["color = 'a' color", "position 13, near 'color': it should end here"],
    ["color = 'a", "position 9, near ''a': the string is not closed with '"],
    ["[color = 1", "the delimited identifier is not closed with ]"],
    ['"color = 1', 'the quoted identifier is not closed with "'],
    ["[] = 1", "the delimited identifier is empty"],
    ["color = 1 AND", "a value is expected here"],
    ["AND = 1", "position 1, near 'AND = 1': a value is expected here"],
    ["(color = 1", "')' is expected"],
    ["color = 1)", "position 10, near ')': it should end here"],
    ["color IN ()", "a value is expected here"],
    ["color IN (1", "')' is expected"],
    ["color IN 1", "'(' is expected"],
    ["color NOT 1", "IN or LIKE is expected after NOT"],
    ["color IS 1", "'NULL' is expected"],
    ["1 IS NULL", "IS NULL asks for a property"],
    ["EXISTS color", "'(' is expected"],
    ["EXISTS(1)", "the name of a property is expected here"],
    ["color = 1 = 1", "it should end here"],
    ["(color = 1) + 1 = 2", "a value is expected here, this is a condition"],
    ["color = (1 = 1)", "a value is expected here, this is a condition"],
    ["color = 12abc", "a number runs into a name"],
    ["color # 1", "position 7, near '# 1': '#' belongs to no expression"],
    ["color = 9223372036854775808", "the number is beyond 9223372036854775807"],
    ["other.color = 1", "'other' is no scope: sys and user are"],
    ["sys.Colour = 1", "'sys.Colour' is no system property: ContentType, CorrelationId"],
    ["upper(color) = 'A'", "'upper' is no function: newid(), property(name) and p(name) are"],
    ["newid(1) = 1", "')' is expected"],
    ["NOT", "a value is expected here"],
    ["TRUE", "a condition is expected here"],
    ["color LIKE", "a value is expected here"],
    ["_color = 1", "'_' belongs to no expression"],
    ["color = @", "'@' belongs to no expression"],
  ])("%s", (expression, why) => {
    expect(() => parseFilter(expression)).toThrow(why);
    expect(() => parseFilter(expression)).toThrow(expect.objectContaining({ code: "InvalidArgument" }));
  });

  it("beyond 1,024 characters", () => {
    const fits = `color = '${"x".repeat(1_014)}'`;
    expect(fits.length).toBe(1_024);
    expect(parseFilter(fits)).toMatchObject({ kind: "comparison" });
    expect(() => parseFilter(`${fits} `)).toThrow("has 1025 characters, the service takes at most 1024");
  });

  it.each(["(", "-", "NOT ", "p("])("where '%s' nests without end", (piece) => {
    expect(() => parseFilter(piece.repeat(Math.floor(1_000 / piece.length)))).toThrow(
      /InvalidArgument|nests more than 100/,
    );
  });

  it("but takes a long chain", () => {
    expect(parseFilter(Array.from({ length: 100 }, () => "a=1").join(" OR "))).toMatchObject({ kind: "or" });
  });
});

describe("an action", () => {
  it("is statements, with or without semicolons between them", () => {
    expect(parseAction("SET a = 1; REMOVE b; SET sys.Label = 'x';")).toHaveLength(3);
    expect(parseAction("set a = 1 remove b set user.[c d] = a + 1")).toHaveLength(3);
  });

  it.each([
    ["", "it is empty"],
    [";", "SET or REMOVE is expected here"],
    ["SET a", "'=' is expected"],
    ["SET = 1", "the name of a property is expected here"],
    ["SET a = 1 = 1", "SET or REMOVE is expected here"],
    ["SET a = 1,", "SET or REMOVE is expected here"],
    ["REMOVE", "the name of a property is expected here"],
    ["SET sys.SequenceNumber = 1", "'sys.SequenceNumber' cannot be set: the broker gives it"],
    ["REMOVE sys.EnqueuedTimeUtc", "'sys.EnqueuedTimeUtc' cannot be set"],
    ["SET sys.Nothing = 1", "'sys.Nothing' is no system property"],
    ["SET NULL = 1", "the name of a property is expected here"],
    ["DELETE a", "SET or REMOVE is expected here"],
  ])("is refused with its place: %s", (expression, why) => {
    expect(() => parseAction(expression)).toThrow(why);
  });

  it("has at most 32 statements", () => {
    const statements = (count: number): string => Array.from({ length: count }, (_, i) => `SET p${i} = 1`).join(";");
    expect(parseAction(statements(32))).toHaveLength(32);
    expect(() => parseAction(statements(33))).toThrow("at most 32 statements");
  });
});
