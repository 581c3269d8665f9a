import { describe, expect, it } from "vitest";
import { compileAction, type MessageEdits } from "../../../stacks/local/broker/core/sql/actions.js";
import { parseAction } from "../../../stacks/local/broker/core/sql/parser.js";
import { Guid, type SqlParameters, type SqlValue } from "../../../stacks/local/broker/core/sql/values.js";
import { message } from "./kit.js";

const ORDER = message(
  {
    color: "blue",
    quantity: 7n,
    price: 2.5,
    urgent: true,
    when: new Date(Date.UTC(2026, 0, 1)),
    id: new Guid("0f8fad5b-d9cb-469f-a165-70867728950e"),
  },
  { subject: "order", timeToLiveMs: 60_000 },
);

function act(expression: string, parameters: SqlParameters = {}): MessageEdits {
  return compileAction(parseAction(expression, parameters), parameters)(ORDER);
}

describe("SET of a property", () => {
  it.each<readonly [string, Record<string, SqlValue>]>([
    ["SET size = 5", { size: 5n }],
    ["SET size = 'big'", { size: "big" }],
    ["SET size = quantity * 2", { size: 14n }],
    ["SET copy = missing", { copy: null }],
    ["SET copy = NULL", { copy: null }],
    ["SET copy = sys.Label", { copy: "order" }],
    ["SET COLOR = 'red'", { color: "red" }],
    ["SET quantity = quantity / 2", { quantity: 3n }],
    // Of another type than what is there: it becomes that type where it can.
    ["SET quantity = 2.5", { quantity: 2n }],
    ["SET quantity = 3.5", { quantity: 4n }],
    ["SET quantity = '12'", { quantity: 12n }],
    ["SET quantity = 'many'", { quantity: "many" }],
    ["SET quantity = TRUE", { quantity: 1n }],
    ["SET color = 5", { color: "5" }],
    ["SET price = 4", { price: 4 }],
    ["SET price = '4.5'", { price: 4.5 }],
    ["SET urgent = 'False'", { urgent: false }],
    ["SET urgent = 0", { urgent: false }],
    ["SET when = '2026-02-03T00:00:00Z'", { when: new Date(Date.UTC(2026, 1, 3)) }],
    ["SET id = '11111111-1111-4111-8111-111111111111'", { id: new Guid("11111111-1111-4111-8111-111111111111") }],
    ["SET a = 1; SET b = a + 1; SET a = b * 10", { a: 20n, b: 2n }],
  ])("%s", (expression, expected) => {
    const { properties, system } = act(expression);
    expect(Object.fromEntries(properties)).toEqual(expected);
    expect(system.size).toBe(0);
  });

  it("takes a new id each time", () => {
    const ids = ["SET a = newid()", "SET a = newid()"].map((text) => String(act(text).properties.get("a")));
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-/);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it("takes parameters", () => {
    expect(act("SET a = @x", { "@x": 5n }).properties.get("a")).toBe(5n);
  });
});

describe("REMOVE", () => {
  it("takes a property away, whatever its case, and says nothing of one that is not there", () => {
    expect([...act("REMOVE Color; REMOVE missing").properties]).toEqual([
      ["color", undefined],
      ["missing", undefined],
    ]);
  });

  it("is seen by what follows", () => {
    expect(act("REMOVE color; SET copy = color").properties.get("copy")).toBeNull();
  });

  it("takes a system property away", () => {
    expect([...act("REMOVE sys.Label").system]).toEqual([["subject", undefined]]);
  });
});

describe("SET of a system property", () => {
  it.each<readonly [string, readonly [string, string | number | undefined]]>([
    ["SET sys.Label = 'new'", ["subject", "new"]],
    ["SET sys.Subject = 5", ["subject", "5"]],
    ["SET sys.CorrelationId = color", ["correlationId", "blue"]],
    ["SET sys.To = NULL", ["to", undefined]],
    ["SET sys.SessionId = 's-' + quantity", ["sessionId", "s-7"]],
    ["SET sys.TimeToLive = '1.00:00:01'", ["timeToLiveMs", 86_401_000]],
    ["SET sys.TimeToLive = '00:00:00.5'", ["timeToLiveMs", 500]],
    ["SET sys.ScheduledEnqueueTimeUtc = when", ["scheduledAt", Date.UTC(2026, 0, 1)]],
  ])("%s", (expression, expected) => {
    expect([...act(expression).system]).toEqual([expected]);
  });

  it("is seen by what follows", () => {
    expect(act("SET sys.Label = 'new'; SET copy = sys.Label").properties.get("copy")).toBe("new");
  });

  it.each([
    ["SET sys.TimeToLive = 'soon'", "'sys.TimeToLive' cannot be set to a value of type 'String' ('soon')"],
    ["SET sys.TimeToLive = '00:00:00'", "'sys.TimeToLive' cannot be set"],
    ["SET sys.ScheduledEnqueueTimeUtc = 5", "cannot be set to a value of type 'Int64'"],
  ])("fails where the value has no such meaning: %s", (expression, why) => {
    expect(() => act(expression)).toThrow(why);
  });
});
