import { describe, expect, it } from "vitest";
import { Duration, Guid, type SqlValue } from "../../../stacks/local/broker/core/sql/values.js";
import { evaluate, message } from "./kit.js";

const ORDER = message(
  {
    color: "blue",
    Quantity: 10n,
    price: 2.5,
    urgent: true,
    note: null,
    "HR-EmployeeID": 7n,
    "it's [odd]": "x",
    when: new Date(Date.UTC(2026, 0, 1)),
    id: new Guid("0F8FAD5B-D9CB-469F-A165-70867728950E"),
    percent: "50%",
    Ünïcode: "ja",
  },
  { subject: "order", to: "store1", timeToLiveMs: 60_000, correlationId: "c-1" },
);

type Row = readonly [expression: string, outcome: boolean | "unknown"];

const COMPARISONS: readonly Row[] = [
  ["1=1", true],
  ["1=0", false],
  ["color = 'blue'", true],
  ["color = 'Blue'", false],
  ["color <> 'red'", true],
  ["color != 'blue'", false],
  ["color < 'c'", true],
  ["color >= 'blue'", true],
  ["quantity = 10", true],
  ["QUANTITY > 9 AND quantity <= 10", true],
  ["quantity = 10.0", true],
  ["price = 2.5", true],
  ["price > 2", true],
  ["price < 25E-1", false],
  ["urgent = TRUE", true],
  ["urgent <> false", true],
  ["when > @since", true],
  ["id = id", true],
  ["id <> newid()", true],
  ["0x1F = 31", true],
  ["-9223372036854775808 < 0", true],
  ["9223372036854775807 + 1 < 0", true],
  ["user.color = 'blue'", true],
  ["\"color\" = 'blue'", true],
  ["[HR-EmployeeID] = 7", true],
  ["user.[HR-EmployeeID] = 7", true],
  ["[it's [odd]]] = 'x'", true],
  ["Ünïcode = 'ja'", true],
  ["'it''s' = 'it''s'", true],
  ["property('color') = 'blue'", true],
  ["p('col' + 'or') = 'blue'", true],
  ["p('sys.Label') = 'order'", true],
  ["p('user.quantity') = 10", true],
];

const UNKNOWN: readonly Row[] = [
  ["missing = 1", "unknown"],
  ["missing <> 1", "unknown"],
  ["NOT missing = 1", "unknown"],
  ["note = 'x'", "unknown"],
  ["note = NULL", "unknown"],
  ["missing + 1 > 0", "unknown"],
  ["-missing = 0", "unknown"],
  ["missing LIKE 'a%'", "unknown"],
  ["color LIKE missing", "unknown"],
  ["color NOT LIKE missing", "unknown"],
  ["color LIKE 'b' ESCAPE missing", "unknown"],
  ["missing IN (1, 2)", "unknown"],
  ["missing NOT IN (1, 2)", "unknown"],
  ["quantity IN (1, missing)", "unknown"],
  ["quantity NOT IN (1, missing)", "unknown"],
  ["quantity IN (10, missing)", true],
  ["p(missing) = 1", "unknown"],
  // AND and OR with every pair of true, false and unknown.
  ["1=1 AND 1=1", true],
  ["1=1 AND 1=0", false],
  ["1=1 AND missing=1", "unknown"],
  ["1=0 AND 1=1", false],
  ["1=0 AND 1=0", false],
  ["1=0 AND missing=1", false],
  ["missing=1 AND 1=1", "unknown"],
  ["missing=1 AND 1=0", false],
  ["missing=1 AND missing=1", "unknown"],
  ["1=1 OR 1=1", true],
  ["1=1 OR 1=0", true],
  ["1=1 OR missing=1", true],
  ["1=0 OR 1=1", true],
  ["1=0 OR 1=0", false],
  ["1=0 OR missing=1", "unknown"],
  ["missing=1 OR 1=1", true],
  ["missing=1 OR 1=0", "unknown"],
  ["missing=1 OR missing=1", "unknown"],
];

const PREDICATES: readonly Row[] = [
  ["color IN ('red', 'blue')", true],
  ["color NOT IN ('red', 'blue')", false],
  ["color NOT IN ('red')", true],
  ["quantity IN (1, 2 * 5)", true],
  ["missing IS NULL", true],
  ["note IS NULL", true],
  ["color IS NULL", false],
  ["color IS NOT NULL", true],
  ["missing IS NOT NULL", false],
  ["p('missing') IS NULL", true],
  ["EXISTS(color)", true],
  ["EXISTS(note)", true],
  ["EXISTS(missing)", false],
  ["NOT EXISTS(user.missing)", true],
  ["EXISTS(sys.Label)", true],
  ["EXISTS(sys.ReplyTo)", false],
  ["color LIKE 'b%'", true],
  ["color LIKE '%u%'", true],
  ["color LIKE 'bl_e'", true],
  ["color LIKE 'bl_'", false],
  ["color LIKE 'B%'", false],
  ["color LIKE 'blue'", true],
  ["color LIKE '%'", true],
  ["color LIKE ''", false],
  ["color NOT LIKE 'r%'", true],
  ["color LIKE 'b' + '%'", true],
  ["percent LIKE '50\\%' ESCAPE '\\'", true],
  ["color LIKE 'blu\\%' ESCAPE '\\'", false],
  ["percent LIKE '%!%' ESCAPE '!'", true],
  ["color LIKE 'b.*'", false],
];

const PRECEDENCE: readonly Row[] = [
  ["2 + 3 * 4 = 14", true],
  ["(2 + 3) * 4 = 20", true],
  ["10 - 4 - 3 = 3", true],
  ["100 / 10 / 5 = 2", true],
  ["-2 * -3 = 6", true],
  ["- - 2 = 2", true],
  ["+quantity = 10", true],
  ["1=1 OR 1=1 AND 1=0", true],
  ["(1=1 OR 1=1) AND 1=0", false],
  ["NOT 1=0 AND 1=1", true],
  ["NOT (1=1 AND 1=1)", false],
  ["NOT NOT 1=1", true],
  ["((color)) = ('blue')", true],
  ["quantity-1=9", true],
];

const ARITHMETIC: readonly Row[] = [
  ["7 / 2 = 3", true],
  ["7.0 / 2 = 3.5", true],
  ["-7 / 2 = -3", true],
  ["7 % 3 = 1", true],
  ["-7 % 3 = -1", true],
  ["7.5 % 2 = 1.5", true],
  ["1.0 / 0 > 1E300", true],
  ["'a' + 1 = 'a1'", true],
  ["1 + 'a' = '1a'", true],
  ["'' + urgent = 'True'", true],
  ["'' + 2.5 = '2.5'", true],
];

const SYSTEM: readonly Row[] = [
  ["sys.Label = 'order'", true],
  ["sys.Subject = 'order'", true],
  ["SYS.label LIKE 'ord%'", true],
  ["sys.[Label] = 'order'", true],
  ["sys.MessageId = 'm-1'", true],
  ["sys.CorrelationId = 'c-1'", true],
  ["sys.To IN ('store1', 'store2')", true],
  ["sys.ReplyTo = 'x'", "unknown"],
  ["sys.ReplyTo IS NULL", true],
  ["sys.SessionId IS NULL AND sys.ReplyToSessionId IS NULL AND sys.ContentType IS NULL", true],
  ["sys.SequenceNumber = 17 AND sys.EnqueuedSequenceNumber = 17", true],
  ["sys.EnqueuedTimeUtc > @since", true],
  ["sys.ExpiresAtUtc > sys.EnqueuedTimeUtc", true],
  ["sys.ExpiresAtUtc - sys.EnqueuedTimeUtc = sys.TimeToLive", true],
  ["sys.DeliveryCount = 0", true],
  ["sys.Size > 100", true],
  ["sys.ScheduledEnqueueTimeUtc IS NULL", true],
  ["sys.PartitionKey IS NULL AND sys.ViaPartitionKey IS NULL", true],
  // Without the scope it is a property of the sender's.
  ["Label IS NULL", true],
];

const since = { "@since": new Date(Date.UTC(2025, 0, 1)) };

describe.each([
  ["comparisons", COMPARISONS],
  ["what is unknown", UNKNOWN],
  ["predicates", PREDICATES],
  ["what binds closer", PRECEDENCE],
  ["arithmetic", ARITHMETIC],
  ["system properties", SYSTEM],
] as const)("%s", (_, rows) => {
  it.each(rows)("%s is %s", (expression, outcome) => {
    expect(evaluate(expression, ORDER, since)).toBe(outcome);
  });
});

describe("what cannot be evaluated", () => {
  it.each([
    ["color = 1", "Operator '=' cannot be applied to operands of type 'String' and 'Int64'."],
    ["color > 1", "'String' and 'Int64'"],
    ["urgent > FALSE", "'Boolean' and 'Boolean'"],
    ["urgent = 'true'", "'Boolean' and 'String'"],
    ["when = '2026-01-01'", "'DateTime' and 'String'"],
    ["id < newid()", "'Guid' and 'Guid'"],
    ["color IN (1)", "'String' and 'Int64'"],
    ["quantity LIKE '1%'", "LIKE works on operands of type 'String'; one is of type 'Int64'."],
    ["color LIKE 'a' ESCAPE 'ab'", "must be one character"],
    ["color LIKE 'a!' ESCAPE '!'", "ends with its escape character"],
    ["quantity / 0 = 1", "divide by zero"],
    ["quantity % 0 = 1", "divide by zero"],
    ["-color = 1", "Operator '-' cannot be applied to an operand of type 'String'."],
    ["urgent + 1 = 2", "'Boolean' and 'Int64'"],
    ["p(1) = 1", "must be a String"],
    ["p('sys.Nothing') = 1", "'sys.Nothing' is no system property"],
  ])("%s fails", (expression, why) => {
    expect(() => evaluate(expression, ORDER)).toThrow(why);
  });

  it("is not evaluated where the other side has decided", () => {
    expect(evaluate("1=0 AND color = 1", ORDER)).toBe(false);
    expect(evaluate("1=1 OR color = 1", ORDER)).toBe(true);
  });
});

describe("parameters", () => {
  it("stand for values, with or without their sign, whatever their case", () => {
    expect(evaluate("color = @c AND quantity = @n", ORDER, { "@C": "blue", n: 10 })).toBe(true);
  });

  it("that have no value are refused by name", () => {
    expect(() => evaluate("color = @c", ORDER, { other: 1 })).toThrow("the parameter '@c' has no value");
  });
});

describe("time spans", () => {
  it.each([
    [1_500, "00:00:01.5000000"],
    [90_061_000, "1.01:01:01"],
    [-1_000, "-00:00:01"],
  ])("of %d ms are written as .NET does", (milliseconds, text) => {
    expect(String(new Duration(milliseconds))).toBe(text);
  });
});

describe("a name that is spelled in two ways", () => {
  it("is the one that is spelled as in the message, where there is one", () => {
    const properties: Record<string, SqlValue> = { Color: "a", color: "b" };
    expect(evaluate("color = 'b' AND Color = 'a'", message(properties))).toBe(true);
  });
});
