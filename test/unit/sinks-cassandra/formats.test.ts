import avro from "avsc";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  avroFingerprint,
  type Column,
  MessageFormat,
  type SinkMessage,
  type TableDefinition,
  TimeBucket,
} from "../../../runtime/contract/index.js";
import { civilDate, daysOf } from "../../../runtime/sinks/cassandra/calendar.js";
import { expectedPartitionKey } from "../../../runtime/sinks/cassandra/mapping.js";
import { cellsOf, mapped, message, tableOf } from "./kit.js";

const AT = "2026-01-31T23:59:59.123Z";

function tableFrom(from: Partial<TableDefinition["from"]>, columns: { [name: string]: Column } = {}): TableDefinition {
  const base = tableOf("text", { body: "note" });
  return { ...base, columns: { ...base.columns, ...columns }, from: { ...base.from, ...from } };
}

const reasonOf = (table: TableDefinition, sent: SinkMessage) => {
  const result = mapped(table, sent);
  return "reason" in result ? `${result.reason}: ${result.description}` : "a row";
};

describe("a CloudEvent", () => {
  const table = tableFrom(
    { format: MessageFormat.CloudEvents, time: { attribute: "time" } },
    {
      id: { type: "text", attribute: "id" },
      origin: { type: "text", attribute: "source" },
      line: { type: "int", attribute: "line" },
      kind: { type: "text", attribute: "datacontenttype" },
    },
  );
  const event = { specversion: "1.0", id: "e-1", source: "/plant", type: "reading", time: AT, line: 7 };
  const prefixed = (prefix: string, changes: object = {}) =>
    Object.fromEntries(Object.entries({ ...event, ...changes }).map(([name, value]) => [prefix + name, value]));
  const structured = (changes: object, contentType = "application/cloudevents+json") =>
    message({ ...event, data: { note: "n" }, ...changes }, contentType === "" ? {} : { contentType });
  const cells = { id: "e-1", value: "n", origin: "/plant", line: "7", kind: "unset" };

  it("gives a column its attributes and its data, in each form", () => {
    expect(cellsOf(table, structured({}))).toEqual(cells);
    expect(cellsOf(table, structured({}, "Application/CloudEvents+JSON; charset=utf-8"))).toEqual(cells);
    expect(cellsOf(table, structured({}, ""))).toEqual(cells);
    const base64 = Buffer.from('{"note":"n"}').toString("base64");
    expect(cellsOf(table, structured({ data: undefined, data_base64: base64 }))).toEqual(cells);
    for (const prefix of ["cloudEvents:", "cloudEvents_"]) {
      const properties = { ...prefixed(prefix), traceparent: "x" };
      expect(cellsOf(table, message({ note: "n" }, { properties }))).toEqual(cells);
      const contentType = "application/json";
      expect(cellsOf(table, message({ note: "n" }, { properties, contentType }))).toEqual({
        ...cells,
        kind: contentType,
      });
    }
  });

  it("has its time as AMQP has it, too", () => {
    const sent = message({ note: "n" }, { properties: prefixed("cloudEvents:", { time: new Date(AT) }) });
    expect(mapped(table, sent)).toMatchObject({ eventTime: Date.parse(AT) });
  });

  it("may have no data, and any data where no column is made of it", () => {
    expect(cellsOf(table, structured({ data: undefined }))).toEqual({ ...cells, value: "unset" });
    expect(cellsOf(table, structured({ data: [1] }))).toEqual({ ...cells, value: "unset" });
    const properties = prefixed("cloudEvents:");
    expect(cellsOf(table, message(Buffer.alloc(0), { properties }))).toEqual({ ...cells, value: "unset" });
    const { value: _, ...columns } = table.columns;
    const image = message(Buffer.from([0xff]), { properties, contentType: "image/png" });
    expect(cellsOf({ ...table, columns }, image)).toMatchObject({ id: "e-1", kind: "image/png" });
  });

  it.each<[what: string, sent: SinkMessage, words: string]>([
    ["no JSON", message("{", { contentType: "application/cloudevents+json" }), "its body is no JSON object in UTF-8"],
    [
      "a batch",
      structured({}, "application/cloudevents-batch+json"),
      "its content type is not application/cloudevents+json",
    ],
    ["another encoding", structured({}, "application/cloudevents+avro"), "its content type is not"],
    ["another version", structured({ specversion: "0.3" }), "its specversion is not 1.0"],
    ["no version", structured({ specversion: undefined }), "its specversion is not 1.0"],
    ["no type", structured({ type: undefined }), "its attribute type is no text"],
    ["an empty id", structured({ id: "" }), "its attribute id is no text"],
    ["an id of the wrong kind", structured({ id: 5 }), "its attribute id is no text"],
    ["bytes that are no text", structured({ data: undefined, data_base64: 5 }), "its data_base64 is no text"],
    ["bytes that are no JSON", structured({ data: undefined, data_base64: "AA==" }), "its data is no JSON in UTF-8"],
    [
      "binary data of another type",
      message("x", { properties: prefixed("cloudEvents:"), contentType: "text/plain" }),
      "its data is not JSON, by its content type",
    ],
    ["binary data that is no JSON", message("x", { properties: prefixed("cloudEvents:") }), "its data is no JSON"],
    ["a plain message", message({ note: "n" }), "its specversion is not 1.0, neither in the body nor in a property"],
  ])("with %s is InvalidBody, and says why", (_, sent, words) => {
    expect(reasonOf(table, sent)).toContain(`InvalidBody: The message is no CloudEvent that can be read: `);
    expect(reasonOf(table, sent)).toContain(words);
  });

  it("has the partition key that its producer computes", () => {
    expect(expectedPartitionKey(table, { ...event, data: { note: "n" } })).toBe("e-1");
    expect(expectedPartitionKey(table, { note: "n" }, { properties: prefixed("cloudEvents:", { id: "e-2" }) })).toBe(
      "e-2",
    );
  });
});

describe("Avro", () => {
  const schema = {
    type: "record",
    name: "plant.Reading",
    fields: [
      { name: "at", type: { type: "long", logicalType: "timestamp-micros" } },
      { name: "id", type: "string" },
      { name: "note", type: ["null", "string"] },
      { name: "samples", type: { type: "array", items: "int" } },
    ],
  };
  const table = tableFrom(
    { format: MessageFormat.Avro, schema: JSON.stringify(schema) },
    { samples: { type: "frozen<list<int>>", body: "samples" } },
  );
  const single: TableDefinition = { ...table, from: { ...table.from, format: MessageFormat.AvroSingleObject } };
  const type = avro.Type.forSchema(schema as avro.Schema, { wrapUnions: "never" });
  const datum = { at: 1_000_002, id: "x", note: "n", samples: [1, -2] };
  const bytes = type.toBuffer(datum);
  const header = Buffer.from(`c301${avroFingerprint(schema)}`, "hex");

  it("is read by its schema: a record's fields are the body's", () => {
    expect(cellsOf(table, message(bytes))).toEqual({ id: "x", value: "n", samples: "[1,-2]" });
    expect(mapped(table, message(bytes))).toMatchObject({ eventTime: 1_000, timestamp: 1_000_002n });
    expect(expectedPartitionKey(table, bytes)).toBe("x");
  });

  it("stands behind its schema's fingerprint where the format says so, and another one is refused", () => {
    expect(cellsOf(single, message(Buffer.concat([header, bytes])))).toEqual({
      id: "x",
      value: "n",
      samples: "[1,-2]",
    });
    expect(reasonOf(single, message(bytes))).toContain("it does not begin as single-object encoding does");
    const other = Buffer.from(header);
    other[5] = (other[5] ?? 0) ^ 1;
    expect(reasonOf(single, message(Buffer.concat([other, bytes])))).toContain("it has the schema of fingerprint ");
    expect(reasonOf(single, message(header.subarray(0, 6)))).toContain(
      "it does not begin as single-object encoding does",
    );
  });

  it.each([
    ['"int"', 0x7275d51a3f395c8fn],
    ['"float"', 5583340709985441680n],
    ['"string"', -8142146995180207161n],
    ['{"type":"record","name":"foo","doc":"Useful info","fields":[]}', -4824392279771201922n],
  ])("has the fingerprint of its specification's own examples: %s", (text, expected) => {
    const found = Buffer.from(avroFingerprint(text), "hex").readBigUInt64LE();
    expect(BigInt.asIntN(64, found)).toBe(BigInt.asIntN(64, expected));
  });

  it("has one fingerprint however its schema is written", () => {
    const nested = (inner: unknown) => ({
      type: "record",
      namespace: "a.b",
      name: "R",
      fields: [{ name: "f", type: inner }],
    });
    const fixed = { type: "fixed", name: "F", size: 4 };
    expect(avroFingerprint(nested(fixed))).toBe(
      avroFingerprint({
        doc: "x",
        fields: [{ default: "", type: { ...fixed, name: "a.b.F" }, name: "f" }],
        name: "a.b.R",
        type: "record",
      }),
    );
    expect(avroFingerprint(nested(fixed))).not.toBe(avroFingerprint(nested({ ...fixed, namespace: "a.c" })));
    expect(avroFingerprint(nested({ type: "int" }))).toBe(avroFingerprint(nested("int")));
  });

  it("that is cut, or followed by more, is InvalidBody at every byte", () => {
    for (let end = 0; end < bytes.length; end++)
      expect(reasonOf(table, message(bytes.subarray(0, end)))).toMatch(
        /^InvalidBody: The body is no datum of the table's/,
      );
    expect(reasonOf(table, message(Buffer.concat([bytes, Buffer.alloc(3)])))).toContain("3 bytes follow the datum");
  });

  it("does not believe a count: a list longer than its body is refused before it is made", () => {
    const prefix = type.toBuffer({ ...datum, samples: [] }).subarray(0, -1);
    for (const count of [2n ** 31n, 2n ** 40n, -(2n ** 31n), 2n ** 62n, 5_000n]) {
      const began = performance.now();
      const body = Buffer.concat([prefix, zigzag(count), ...(count < 0n ? [zigzag(1n)] : []), Buffer.alloc(64)]);
      expect(reasonOf(table, message(body))).toMatch(/a list longer than its body|ends too early|beyond its end/);
      expect(performance.now() - began).toBeLessThan(1_000);
    }
    // Items of no bytes are bounded as well.
    const nulls = {
      ...schema,
      fields: [...schema.fields.slice(0, 3), { name: "samples", type: { type: "array", items: "null" } }],
    };
    const empty: TableDefinition = { ...table, from: { ...table.from, schema: JSON.stringify(nulls) } };
    expect(reasonOf(empty, message(Buffer.concat([prefix, zigzag(2n ** 40n), Buffer.from([0])])))).toContain(
      "a list longer",
    );
  });

  it("may nest records in records, and a body no deeper than is read", () => {
    const tree = {
      type: "record",
      name: "Node",
      fields: [
        { name: "at", type: "long" },
        { name: "id", type: "string" },
        { name: "next", type: ["null", "Node"] },
      ],
    };
    const nested = tableFrom(
      { format: MessageFormat.Avro, schema: JSON.stringify(tree) },
      { value: { type: "text", body: "next.next.id" } },
    );
    const one = Buffer.concat([Buffer.from([0, 2]), Buffer.from("x")]);
    const chain = (depth: number) =>
      Buffer.concat([
        ...Array.from({ length: depth }, () => Buffer.concat([one, Buffer.from([2])])),
        one,
        Buffer.from([0]),
      ]);
    expect(cellsOf(nested, message(chain(2)))).toEqual({ id: "x", value: "x" });
    expect(cellsOf(nested, message(chain(1)))).toEqual({ id: "x", value: "unset" });
    expect(reasonOf(nested, message(chain(100_000)))).toContain("nested more than 64 deep");
  });

  it.each<[logical: object, value: unknown, type: Column["type"], text: string]>([
    [{ type: "int", logicalType: "date" }, -1, "date", "1969-12-31"],
    [{ type: "long", logicalType: "timestamp-micros" }, -1, "timestamp", "1969-12-31T23:59:59.999Z"],
    [{ type: "int", logicalType: "time-millis" }, 86_399_999, "time", "23:59:59.999"],
    [{ type: "int", logicalType: "time-millis" }, 86_400_000, "time", "InvalidBody"],
    [{ type: "bytes", logicalType: "decimal", precision: 4, scale: 2 }, Buffer.from([0xff, 0x38]), "decimal", "-2.00"],
    [{ type: "bytes", logicalType: "decimal", precision: 4, scale: 2 }, Buffer.alloc(500, 1), "decimal", "InvalidBody"],
    [
      { type: "fixed", name: "D", size: 12, logicalType: "duration" },
      Buffer.from("010000000200000003000000", "hex"),
      "duration",
      "1mo2d3000000ns",
    ],
    [
      { type: "string", logicalType: "uuid" },
      "5B6962DD-3F90-4C93-8F61-EABFA4A803E2",
      "uuid",
      "5b6962dd-3f90-4c93-8f61-eabfa4a803e2",
    ],
    [{ type: "enum", name: "E", symbols: ["ON", "OFF"] }, "OFF", "text", "OFF"],
    [{ type: "fixed", name: "F", size: 2 }, Buffer.from([1, 2]), "blob", "AQI="],
    [{ type: "long", logicalType: "nothing-known" }, 5, "bigint", "5"],
    [{ type: "double" }, Number.NaN, "double", "NaN"],
    [{ type: "double" }, Number.NEGATIVE_INFINITY, "float", "-Infinity"],
    [{ type: "double" }, 1.5, "text", "InvalidValue"],
    [{ type: "string" }, "x", "bigint", "InvalidValue"],
  ])("%j: %o is, in a column of type %s, %s", (part, value, column, text) => {
    const fields = [
      { name: "at", type: "long" },
      { name: "id", type: "string" },
      { name: "v", type: part },
    ];
    const record = { type: "record", name: "R", fields };
    const encoded = avro.Type.forSchema(record as avro.Schema).toBuffer({ at: 0, id: "x", v: value });
    const cells = cellsOf(
      tableFrom({ format: MessageFormat.Avro, schema: JSON.stringify(record) }, { value: { type: column, body: "v" } }),
      message(encoded),
    );
    expect(cells["reason"] ?? cells["value"]).toBe(text);
  });
});

/** A number as Avro writes it, of up to 64 bits. */
function zigzag(value: bigint): Buffer {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

describe("the time of the event", () => {
  it("stands in the body, a property or an attribute", () => {
    const sent = message({ id: "x", when: AT }, { properties: { when: new Date(AT) } });
    for (const time of [{ body: "when" }, { property: "when" }])
      expect(mapped(tableFrom({ time }), sent)).toMatchObject({ eventTime: Date.parse(AT) });
    expect(reasonOf(tableFrom({ time: { property: "other" } }), sent)).toBe(
      "MissingValue: The event time, the application property other, is missing.",
    );
    const cloud = tableFrom({ format: MessageFormat.CloudEvents, time: { attribute: "time" } });
    const event = { specversion: "1.0", id: "e", source: "s", type: "t", data: { id: "x" } };
    expect(mapped(cloud, message({ ...event, time: AT }))).toMatchObject({ eventTime: Date.parse(AT) });
    expect(reasonOf(cloud, message(event))).toContain("The event time, the CloudEvent's time, is missing");
  });
});

describe("a bucket", () => {
  const of = (bucket: TimeBucket, type: "timestamp" | "date", at: string) =>
    cellsOf(tableFrom({}, { value: { type, bucket } }), message({ id: "x", at }))["value"];

  it.each<[bucket: TimeBucket, at: string, start: string]>([
    ["hour", "2026-01-31T23:59:59.999Z", "2026-01-31T23:00:00.000Z"],
    ["day", "2026-01-31T23:59:59.999+02:00", "2026-01-31T00:00:00.000Z"],
    ["day", "2026-02-01T01:00:00+02:00", "2026-01-31T00:00:00.000Z"],
    ["week", "2026-02-01T23:59:59Z", "2026-01-26T00:00:00.000Z"],
    ["week", "2026-02-02T00:00:00Z", "2026-02-02T00:00:00.000Z"],
    ["week", "1970-01-01T00:00:00Z", "1969-12-29T00:00:00.000Z"],
    ["month", "2024-02-29T12:00:00Z", "2024-02-01T00:00:00.000Z"],
    ["month", "1969-12-31T23:59:59Z", "1969-12-01T00:00:00.000Z"],
    ["hour", "1969-12-31T23:59:59.999Z", "1969-12-31T23:00:00.000Z"],
    ["month", "-271821-04-20T00:00:00Z", "-271821-04-01T00:00:00.000Z"],
  ])("of a %s holds the event of %s from %s on", (bucket, at, start) => {
    expect(of(bucket, "timestamp", at)).toBe(start);
    if (bucket !== TimeBucket.Hour) expect(of(bucket, "date", at)).toBe(start.replace(/T.*/, ""));
  });

  it("counts days as the calendar does", () => {
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true }), (date) => {
        const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
        const days = Math.floor(date.getTime() / 86_400_000);
        expect(daysOf(year, month, day)).toBe(days);
        expect(civilDate(days)).toEqual({ year, month, day });
      }),
    );
    expect(daysOf(2100, 2, 29)).toBeUndefined();
    expect(daysOf(2000, 2, 29)).toBe(11_016);
    expect(daysOf(2026, 13, 1)).toBeUndefined();
  });

  it("is part of the partition key that a producer computes", () => {
    const table = { ...tableFrom({}, { value: { type: "date", bucket: "day" } }), partitionKey: ["id", "value"] };
    expect(expectedPartitionKey(table, { id: "x", at: AT })).toBe("x|2026-01-31");
  });
});

describe("a deletion", () => {
  const table = (deletes: TableDefinition["from"]["deletes"], from: Partial<TableDefinition["from"]> = {}) =>
    tableFrom({ ...(deletes && { deletes }), ...from });

  it("is a message whose value at the place equals the text, and has the primary key alone", () => {
    const sent = message({ id: "x", at: 0, op: "gone", note: 5 }, { subject: "gone", properties: { op: true } });
    for (const deletes of [
      { body: "op", equals: "gone" },
      { property: "op", equals: "true" },
      { message: "subject", equals: "gone" },
    ] as const) {
      expect(mapped(table(deletes), sent)).toMatchObject({ change: "delete" });
      expect(cellsOf(table(deletes), sent)).toEqual({ id: "x", value: "unset" });
      // What is no deletion is written, and its values are looked at.
      expect(reasonOf(table({ ...deletes, equals: "other" }), sent)).toContain("InvalidValue: Column value (text)");
    }
    const cloud = table({ attribute: "type", equals: "gone" }, { format: MessageFormat.CloudEvents });
    const event = { specversion: "1.0", id: "e", source: "s", type: "gone", data: { id: "x", at: 0 } };
    expect(mapped(cloud, message(event))).toMatchObject({ change: "delete" });
    expect(mapped(cloud, message({ ...event, type: "kept" }))).toMatchObject({ change: "write" });
  });

  it("needs the whole key, and no value that the row must have otherwise", () => {
    const required = { ...table({ body: "op", equals: "gone" }) };
    required.columns = { ...required.columns, value: { type: "text", body: "note", required: true } };
    expect(mapped(required, message({ id: "x", at: 0, op: "gone" }))).toMatchObject({ change: "delete" });
    expect(reasonOf(required, message({ at: 0, op: "gone" }))).toContain("MissingValue: Column id has no value");
    expect(reasonOf(required, message({ id: "x", at: 0, op: ["gone"] }))).toContain("MissingValue: Column value");
  });
});
