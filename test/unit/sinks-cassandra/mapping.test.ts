import { createHash } from "node:crypto";
import { types } from "cassandra-driver";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ScalarType, type TableDefinition } from "../../../runtime/contract/index.js";
import { expectedPartitionKey } from "../../../runtime/sinks/cassandra/mapping.js";
import { cellsOf, cellText, mapped, message, tableOf } from "./kit.js";

const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

describe("numbers", () => {
  it.each<[ScalarType, bigint, bigint]>([
    ["tinyint", -128n, 127n],
    ["smallint", -32768n, 32767n],
    ["int", -2147483648n, 2147483647n],
    ["bigint", INT64.min, INT64.max],
  ])("of %s are taken to their limits and not beyond, with every digit", (type, min, max) => {
    for (const limit of [min, max]) expect(cellText(type, String(limit))).toBe(String(limit));
    expect(cellText(type, String(min - 1n))).toBe("InvalidValue");
    expect(cellText(type, String(max + 1n))).toBe("InvalidValue");
    fc.assert(fc.property(fc.bigInt(min, max), (n) => cellText(type, String(n)) === String(n)));
  });

  it("of varint and decimal keep all of their digits, as numbers and as strings", () => {
    const big = fc.bigInt(-(10n ** 200n), 10n ** 200n);
    fc.assert(fc.property(big, (n) => cellText("varint", String(n)) === String(n)));
    fc.assert(fc.property(big, (n) => cellText("varint", `"${n}"`) === String(n)));
    const decimals = fc.tuple(big, fc.nat(100)).map(([n, scale]) => {
      const digits = (n < 0n ? -n : n).toString().padStart(scale + 1, "0");
      return `${n < 0n ? "-" : ""}${scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`}`;
    });
    const same = (text: string) => types.BigDecimal.fromString(text).toString();
    fc.assert(fc.property(decimals, (text) => cellText("decimal", text) === same(text)));
    fc.assert(fc.property(decimals, (text) => cellText("decimal", `"${text}"`) === same(text)));
  });

  it.each<[ScalarType, string, string]>([
    ["int", "1.0", "1"],
    ["int", "1e3", "1000"],
    ["int", "1.5", "InvalidValue"],
    ["int", '"1"', "InvalidValue"],
    ["bigint", '"-9223372036854775808"', "-9223372036854775808"],
    ["bigint", '"1e3"', "InvalidValue"],
    ["bigint", "9007199254740993", "9007199254740993"],
    ["varint", "1.0e2", "100"],
    ["varint", "0.5", "InvalidValue"],
    ["varint", `1${"0".repeat(1000)}`, "InvalidValue"],
    ["varint", "1e1000000000", "InvalidValue"],
    ["decimal", "-0.10", "-0.10"],
    ["decimal", "1.5E-3", "0.0015"],
    ["decimal", "2e3", "2000"],
    ["decimal", '"abc"', "InvalidValue"],
    ["decimal", "1e-2000000000", "InvalidValue"],
    ["double", "1e308", "1e+308"],
    ["double", "1e309", "InvalidValue"],
    ["double", '"1"', "InvalidValue"],
    ["float", "1e39", "InvalidValue"],
    ["float", "0.1", "0.10000000149011612"],
    ["boolean", "false", "false"],
    ["boolean", '"false"', "InvalidValue"],
    ["boolean", "0", "InvalidValue"],
  ])("in %s: %s is %s", (type, json, expected) => {
    expect(cellText(type, json)).toBe(expected);
  });

  it("of double are any finite double, exactly", () => {
    const doubles = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(fc.property(doubles, (n) => cellText("double", JSON.stringify(n)) === String(n === 0 ? 0 : n)));
  });

  it("of an application property are taken where a JavaScript number holds them exactly", () => {
    const table = tableOf("bigint", { property: "count" });
    const cell = (count: unknown) =>
      cellsOf(table, message({ id: "x", at: 0 }, { properties: { count: Number(count) } }));
    expect(cell(Number.MAX_SAFE_INTEGER)).toEqual({ id: "x", value: String(Number.MAX_SAFE_INTEGER) });
    expect(cell(2 ** 53)).toMatchObject({ reason: "InvalidValue" });
  });
});

describe("texts, bytes, ids and addresses", () => {
  it("of text are any valid Unicode, and nothing that would be stored as something else", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (s) => cellText("text", JSON.stringify(s)) === s));
    expect(cellText("text", '"\\ud800"')).toBe("InvalidValue");
    expect(cellText("text", "1")).toBe("InvalidValue");
  });

  it("of ascii are ASCII only", () => {
    fc.assert(fc.property(fc.string({ unit: "binary-ascii" }), (s) => cellText("ascii", JSON.stringify(s)) === s));
    expect(cellText("ascii", '"é"')).toBe("InvalidValue");
  });

  it("of blob are base64 with its padding, in its one form", () => {
    const bytes = fc.uint8Array().map((b) => Buffer.from(b).toString("base64"));
    fc.assert(fc.property(bytes, (s) => cellText("blob", JSON.stringify(s)) === s));
    for (const bad of ["AP8", "AP8=\\n", "AP9=", "-_8=", "A==="])
      expect(cellText("blob", `"${bad}"`)).toBe("InvalidValue");
  });

  it("of uuid are any UUID in lower case, of timeuuid those of version 1", () => {
    fc.assert(fc.property(fc.uuid(), (id) => cellText("uuid", `"${id.toUpperCase()}"`) === id));
    fc.assert(fc.property(fc.uuid({ version: 1 }), (id) => cellText("timeuuid", `"${id}"`) === id));
    fc.assert(fc.property(fc.uuid({ version: 4 }), (id) => cellText("timeuuid", `"${id}"`) === "InvalidValue"));
    expect(cellText("uuid", '"{5b6962dd-3f90-4c93-8f61-eabfa4a803e2}"')).toBe("InvalidValue");
  });

  it("of inet are addresses, the bytes of which are the address's", () => {
    const v6 = (text: string) => new URL(`http://[${text}]`).hostname.slice(1, -1);
    fc.assert(fc.property(fc.ipV4(), (ip) => cellText("inet", `"${ip}"`) === ip));
    fc.assert(fc.property(fc.ipV6(), (ip) => cellText("inet", `"${ip}"`) === v6(ip)));
    expect(cellText("inet", '"::ffff:10.0.0.1"')).toBe("::ffff:a00:1");
    for (const bad of ["fe80::1%eth0", "10.0.0.256", "host", ""])
      expect(cellText("inet", `"${bad}"`)).toBe("InvalidValue");
  });
});

describe("times", () => {
  it("of timestamp are any millisecond that a Date holds, before 1970 too, however they are written", () => {
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true }), (date) => {
        expect(cellText("timestamp", `"${date.toISOString()}"`)).toBe(date.toISOString());
        expect(cellText("timestamp", String(date.getTime()))).toBe(date.toISOString());
      }),
    );
  });

  it.each([
    ["2026-01-31T12:00:00+02:30", "2026-01-31T09:30:00.000Z"],
    ["2026-01-31T12:00Z", "2026-01-31T12:00:00.000Z"],
    ["1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
    ["2026-02-29T00:00:00Z", "InvalidValue"],
    ["2026-01-31T12:00:00", "InvalidValue"],
    ["2026-01-31T24:00:00Z", "InvalidValue"],
    ["2026-13-01T00:00:00Z", "InvalidValue"],
    ["2026-01-31", "InvalidValue"],
    ["yesterday", "InvalidValue"],
  ])("%s is %s", (text, expected) => {
    expect(cellText("timestamp", `"${text}"`)).toBe(expected);
  });

  it("of date are days that exist", () => {
    const days = fc.date({ noInvalidDate: true, min: new Date("0001-01-01"), max: new Date("9999-12-31") });
    fc.assert(
      fc.property(
        days,
        (date) => cellText("date", `"${date.toISOString().slice(0, 10)}"`) === date.toISOString().slice(0, 10),
      ),
    );
    expect(cellText("date", '"2026-02-30"')).toBe("InvalidValue");
    expect(cellText("date", "20000")).toBe("InvalidValue");
  });

  it("of time are times of day to the nanosecond", () => {
    expect(cellText("time", '"23:59:59.123456789"')).toBe("23:59:59.123456789");
    expect(cellText("time", '"00:00:00"')).toBe("00:00:00");
    for (const bad of ["24:00:00", "12:60:00", "12:00", "12:00:00.1234567890"])
      expect(cellText("time", `"${bad}"`)).toBe("InvalidValue");
  });
});

describe("the time of the event", () => {
  const table = tableOf("text");
  const timestamp = (at: unknown, messageId = "m") => {
    const row = mapped(table, message({ id: "x", at }, { messageId }));
    return "timestamp" in row ? row.timestamp : row.reason;
  };
  const spread = (id: string) => BigInt(createHash("sha256").update(id).digest().readUInt32BE(0) % 1000);

  it("is the write's timestamp in microseconds, told apart within a millisecond by the message's id", () => {
    const ids = fc.string({ minLength: 1 });
    // As far as a Date goes: beyond 2255 its microseconds are no safe integers.
    const limit = 8.64e15;
    fc.assert(
      fc.property(fc.integer({ min: -limit, max: limit }), ids, (ms, id) => {
        expect(timestamp(ms, id)).toBe(BigInt(ms) * 1000n + spread(id));
        expect(timestamp(new Date(ms).toISOString(), id)).toBe(timestamp(ms, id));
      }),
    );
  });

  it("is taken as it is where it is finer than milliseconds", () => {
    expect(timestamp("1970-01-01T00:00:00.000001Z")).toBe(1n);
    expect(timestamp("1969-12-31T23:59:59.999999Z")).toBe(-1n);
    expect(timestamp("1970-01-01T00:00:00.0000019Z")).toBe(1n);
  });

  it("must be there, whole and within 64 bits", () => {
    expect(timestamp(undefined)).toBe("MissingValue");
    expect(timestamp(null)).toBe("MissingValue");
    expect(timestamp(1.5)).toBe("InvalidValue");
    expect(timestamp("+294300-01-01T00:00:00Z")).toBe("InvalidValue");
    expect(timestamp({})).toBe("InvalidValue");
  });
});

describe("a body", () => {
  const table = tableOf("double", { body: "reading.celsius", required: true });
  it("that is no JSON object in UTF-8 is InvalidBody", () => {
    const bodies = ["", "{", "[]", "null", "1", '"x"', Buffer.from([0x7b, 0xff, 0x7d]), "\ufeff{}"];
    for (const body of bodies) expect(mapped(table, message(body))).toMatchObject({ reason: "InvalidBody" });
    expect(mapped(table, message("[".repeat(200_000)))).toMatchObject({ reason: "InvalidBody" });
  });

  it("without a value that is needed is MissingValue, and what it inherits is no value", () => {
    const missing = {
      reason: "MissingValue",
      description: "Column value has no value: the body's reading.celsius is missing.",
    };
    expect(mapped(table, message({ id: "x", at: 0 }))).toEqual(missing);
    expect(mapped(table, message({ id: "x", at: 0, reading: { celsius: null } }))).toEqual(missing);
    expect(mapped(table, message({ id: "x", at: 0, reading: "warm" }))).toEqual(missing);
    const inherited = tableOf("text", { body: "constructor.name", required: true });
    expect(mapped(inherited, message({ id: "x", at: 0 }))).toMatchObject({ reason: "MissingValue" });
  });

  it("with a value of the wrong kind names the column, the kind and the rule, never the value", () => {
    const secret = mapped(table, message({ id: "x", at: 0, reading: { celsius: "s3cret" } }));
    expect(secret).toEqual({
      reason: "InvalidValue",
      description:
        "Column value (double): the body's reading.celsius is a string and must be a number within the range of a double.",
    });
  });

  it("without a value that is not needed leaves the column unset, whatever its type", () => {
    for (const type of Object.values(ScalarType)) {
      for (const body of [
        { id: "x", at: 0 },
        { id: "x", at: 0, value: null },
      ])
        expect(cellsOf(tableOf(type), message(body))).toEqual({ id: "x", value: "unset" });
    }
  });

  it("says a thing twice as JSON.parse hears it, with exact numbers too", () => {
    const twice = '{"id":"x","at":0,"value":1,"value":2}';
    for (const type of ["int", "bigint"] as const)
      expect(cellsOf(tableOf(type), message(twice))).toEqual({ id: "x", value: "2" });
  });

  it("is the same row every time", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer(), (id, at) => {
        const [one, two] = [0, 1].map(() => mapped(tableOf("text"), message({ id, at, value: id })));
        expect(one).toEqual(two);
      }),
    );
  });
});

describe("the envelope", () => {
  it("gives a column its fields and properties", () => {
    const sent = message(
      { id: "x", at: 0 },
      { subject: "s", enqueuedTime: new Date(5), properties: { when: new Date(7) } },
    );
    const cell = (table: TableDefinition) => cellsOf(table, sent)["value"];
    expect(cell(tableOf("text", { message: "subject" }))).toBe("s");
    expect(cell(tableOf("timestamp", { message: "enqueuedTime" }))).toBe("1970-01-01T00:00:00.005Z");
    expect(cell(tableOf("timestamp", { property: "when" }))).toBe("1970-01-01T00:00:00.007Z");
    expect(cell(tableOf("text", { property: "toString" }))).toBe("unset");
  });
});

describe("the partition key", () => {
  const table: TableDefinition = {
    ...tableOf("text"),
    columns: {
      device: { type: "uuid", body: "device" },
      hour: { type: "timestamp", body: "hour" },
      shard: { type: "bigint", body: "shard" },
    },
    partitionKey: ["device", "hour", "shard"],
  };
  const body = { device: "5B6962DD-3F90-4C93-8F61-EABFA4A803E2", hour: 3_600_000, shard: "007", at: 0 };
  const key = "5b6962dd-3f90-4c93-8f61-eabfa4a803e2|1970-01-01T01:00:00.000Z|7";

  it("that a producer computes is the one that the sink expects", () => {
    expect(expectedPartitionKey(table, body)).toBe(key);
    expect(mapped(table, message(body, { partitionKey: key }))).toMatchObject({ partitionKey: key });
    expect(mapped(table, message(body))).toMatchObject({ partitionKey: key });
  });

  it("that does not match the body is poison", () => {
    const other = mapped(table, message(body, { partitionKey: "5b6962dd" }));
    expect(other).toMatchObject({
      reason: "PartitionKeyMismatch",
      description: expect.stringContaining("device, hour, shard"),
    });
  });

  it("keeps partitions apart whose values hold the separator", () => {
    const pair = {
      ...table,
      columns: { a: { type: "text", body: "a" }, b: { type: "text", body: "b" } },
      partitionKey: ["a", "b"],
    } as const;
    const rows = [
      { a: "x|y", b: "z" },
      { a: "x", b: "y|z" },
    ].map((values) => mapped({ ...pair, partitionKey: ["a", "b"], clusteringKey: [] }, message({ ...values, at: 0 })));
    const [one, two] = rows.map((row) => ("partition" in row ? row.partition : ""));
    expect(one).not.toBe(two);
  });

  it("is neither empty nor longer than Cassandra takes", () => {
    const long = "x".repeat(70_000);
    for (const id of ["", long])
      expect(mapped(tableOf("text"), message({ id, at: 0 }))).toMatchObject({ reason: "InvalidValue" });
    expect(
      mapped(tableOf("text", { body: "value", required: true }), message({ id: "x", at: 0, value: long })),
    ).toHaveProperty("cells");
  });
});
