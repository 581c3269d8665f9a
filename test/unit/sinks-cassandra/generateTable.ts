import { hash } from "node:crypto";
import avro from "avsc";
import fc from "fast-check";
import {
  avroFingerprint,
  type Column,
  type CqlType,
  MessageFormat,
  type SinkMessage,
  type TableDefinition,
  TimeBucket,
  type TypeTree,
} from "../../../runtime/contract/index.js";
import { avroType, type Draw, type Sample, sampleOf, typeOf, writtenAs } from "./generate.js";
import { message } from "./kit.js";

/** Where a column's value is put into a message. */
type Where = "body" | "nested" | "property" | "attribute" | "message" | "bucket";

interface DrawnColumn {
  name: string;
  type: TypeTree;
  where: Where;
  definition: Column;
  key: boolean;
}

/** A table that was drawn. */
export interface DrawnTable {
  table: TableDefinition;
  columns: DrawnColumn[];
  /** Reads Avro's schema for whoever encodes by it. */
  encode: (record: object) => Buffer;
}

/** A message that was drawn, and what must become of it. */
export interface DrawnMessage {
  message: SinkMessage;
  /** What a reader sees in each column, `unset` where nothing is written; or the reason of the poison. */
  expected: { cells: string[]; change: "write" | "delete"; eventTime: number; timestamp: bigint } | { reason: string };
}

/** Types whose values application properties and attributes can carry. */
const PLAIN: ReadonlySet<string> = new Set([
  "text",
  "ascii",
  "uuid",
  "timeuuid",
  "boolean",
  "int",
  "smallint",
  "tinyint",
  "bigint",
]);
const AVRO: ReadonlySet<string> = new Set([MessageFormat.Avro, MessageFormat.AvroSingleObject]);
const EVENT_YEARS = { min: Date.UTC(1901, 0, 1), max: Date.UTC(2199, 0, 1) };

const ids = fc.string({ minLength: 1, maxLength: 20 });

/** Draws a table: a few columns of any type, from any place. */
export function drawTable(draw: Draw): DrawnTable {
  const format = draw.pick(Object.values(MessageFormat));
  const isAvro = AVRO.has(format);
  const types: { [name: string]: { [field: string]: CqlType } } = {};
  const count = draw.between(2, 7);
  const partition = draw.between(1, Math.min(2, count - 1));
  const clustering = draw.between(0, Math.min(2, count - partition));
  const deletes = draw.oneIn(4);
  const columns = Array.from({ length: count }, (_, i): DrawnColumn => {
    const key = i < partition + clustering;
    const name = `c${i}`;
    if (key && !deletes && draw.oneIn(5)) {
      const bucket = draw.pick(Object.values(TimeBucket));
      const scalar = bucket === "hour" || draw.oneIn(2) ? "timestamp" : "date";
      return { name, type: { kind: "scalar", scalar }, where: "bucket", definition: { type: scalar, bucket }, key };
    }
    const type = typeOf(draw, draw.below(4), { key, avro: isAvro }, types);
    const plain = type.kind === "scalar" && PLAIN.has(type.scalar);
    const places: Where[] = ["body", "body", "nested", ...(plain ? (["property"] as const) : [])];
    if (plain && format === MessageFormat.CloudEvents) places.push("attribute");
    const where = draw.pick(places);
    return { name, type, where, definition: { type: writtenAs(type), ...sourceOf(name, where) }, key };
  });
  const id: DrawnColumn = {
    name: "id",
    type: { kind: "scalar", scalar: "text" },
    where: "message",
    definition: { type: "text", message: "messageId" },
    key: !deletes,
  };
  const all = [...columns, id];
  const table: TableDefinition = {
    keyspace: "ks",
    name: "t",
    types,
    columns: Object.fromEntries(all.map(({ name, definition }) => [name, definition])),
    partitionKey: columns.slice(0, partition).map(({ name }) => name),
    clusteringKey: [
      ...columns.slice(partition, partition + clustering).map(({ name }) => ({ column: name })),
      ...(deletes ? [] : [{ column: "id" }]),
    ],
    from: { format, time: { body: "at" }, ...(deletes ? { deletes: { property: "op", equals: "gone" } } : {}) },
    ...(deletes ? { lastWriterPerCell: true } : {}),
  };
  if (!isAvro) return { table, columns: all, encode: () => Buffer.alloc(0) };
  const fields = (where: Where) =>
    columns
      .filter((column) => column.where === where)
      .map(({ name, type }) => ({ name, type: ["null", avroType(type)] }));
  const schema = {
    type: "record",
    name: "test.Event",
    fields: [
      { name: "at", type: { type: "long", logicalType: draw.oneIn(2) ? "timestamp-millis" : "timestamp-micros" } },
      { name: "n", type: { type: "record", name: "Inner", fields: fields("nested") } },
      ...fields("body"),
    ],
  };
  table.from.schema = JSON.stringify(schema);
  return { table, columns: all, encode: encoderOf(schema, format) };
}

function sourceOf(name: string, where: Where): Omit<Column, "type"> {
  if (where === "nested") return { body: `n.${name}` };
  return where === "property" || where === "attribute" ? { [where]: name } : { body: name };
}

/** A writer of Avro that is not ours. Longs are bigints to it. */
function encoderOf(schema: object, format: MessageFormat): DrawnTable["encode"] {
  const long = avro.types.LongType.__with({
    fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
    toBuffer: (value: bigint) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(value);
      return bytes;
    },
    fromJSON: BigInt,
    toJSON: Number,
    isValid: (value: unknown) => typeof value === "bigint",
    compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
  });
  const type = avro.Type.forSchema(schema as avro.Schema, {
    typeHook: (part) => (part === "long" || Reflect.get(Object(part), "type") === "long" ? long : undefined),
    wrapUnions: "never",
  });
  const header = Buffer.from(`c301${avroFingerprint(schema)}`, "hex");
  return (record) => {
    const bytes = type.toBuffer(record);
    return format === MessageFormat.AvroSingleObject ? Buffer.concat([header, bytes]) : bytes;
  };
}

/** What is done with a column's value. */
type State = "value" | "absent" | "null" | "wrong";

/** Draws a message of a table, mostly a good one. */
export function drawMessage(draw: Draw, { table, columns, encode }: DrawnTable): DrawnMessage {
  const { format, deletes, schema } = table.from;
  const isAvro = AVRO.has(format ?? "");
  const messageId = draw.from(ids);
  const milliseconds = draw.between(EVENT_YEARS.min, EVENT_YEARS.max);
  const fine = isAvro ? JSON.stringify(schema).includes("timestamp-micros") : draw.oneIn(2);
  const micros = fine ? draw.below(1000) : 0;
  const drawn = columns.map((column) => {
    const sample = sampleOf(column.type, draw);
    const odd = draw.below(100);
    const state: State = odd < 88 ? "value" : odd < 93 ? "absent" : odd < 97 || isAvro ? "null" : "wrong";
    const fixed = column.where === "bucket" || column.where === "message";
    return { ...column, sample, state: fixed ? "value" : state };
  });
  const gone = deletes !== undefined && draw.oneIn(2);
  const properties: SinkMessage["properties"] = gone ? { op: "gone" } : { op: "kept" };
  const attributes: { [name: string]: unknown } = { specversion: "1.0", id: "e", source: "/s", type: "t" };
  for (const { name, where, sample, state, type } of drawn)
    if ((where === "property" || where === "attribute") && state !== "absent")
      (where === "property" ? properties : attributes)[name] = plainValue(type, sample, state);
  const at = fine
    ? JSON.stringify(`${new Date(milliseconds).toISOString().slice(0, -1)}${String(micros).padStart(3, "0")}Z`)
    : draw.pick([String(milliseconds), JSON.stringify(new Date(milliseconds).toISOString())]);
  const members = (place: Where) =>
    drawn
      .filter(({ where, state }) => where === place && state !== "absent")
      .map(({ name, type, sample, state }) => [name, jsonOf(type, sample, state)] as const);
  const body = jsonObject([["at", at], ["n", jsonObject(members("nested"))], ...members("body")]);
  const record = (place: Where) =>
    Object.fromEntries(
      drawn
        .filter(({ where }) => where === place)
        .map(({ name, sample, state, type }) => [name, state === "value" ? avroValue(type, sample.avro) : null]),
    );
  const bytes = isAvro
    ? encode({
        at: BigInt(milliseconds) * (fine ? 1000n : 1n) + BigInt(micros),
        n: record("nested"),
        ...record("body"),
      })
    : Buffer.from(body);
  const sent =
    format === MessageFormat.CloudEvents
      ? cloudEvent(draw, { attributes, properties, body, messageId })
      : message(bytes, { properties, messageId });
  const timestamp = BigInt(milliseconds) * 1000n + BigInt(fine ? micros : spread(messageId));
  return { message: sent, expected: expectedOf(drawn, table, { gone, messageId, milliseconds, timestamp }) };
}

function spread(messageId: string): number {
  return Number(BigInt(`0x${hash("sha256", messageId)}`) >> 224n) % 1000;
}

type DrawnValue = DrawnColumn & { sample: Sample; state: State };

function expectedOf(
  drawn: DrawnValue[],
  table: TableDefinition,
  {
    gone,
    messageId,
    milliseconds,
    timestamp,
  }: { gone: boolean; messageId: string; milliseconds: number; timestamp: bigint },
): DrawnMessage["expected"] {
  const cells: string[] = [];
  for (const { key, where, state, sample, definition } of drawn) {
    if (gone && !key) cells.push("unset");
    else if (where === "bucket") cells.push(bucketOf(definition, milliseconds));
    else if (where === "message") cells.push(JSON.stringify(messageId));
    else if (state === "wrong") return { reason: "InvalidValue" };
    else if (state === "value") cells.push(sample.read);
    else if (key) return { reason: "MissingValue" };
    else cells.push("unset");
  }
  const [only] = table.partitionKey;
  const place = drawn.findIndex(({ name }) => name === only);
  if (table.partitionKey.length === 1 && ['""', "0x"].includes(cells[place] ?? "")) return { reason: "InvalidValue" };
  return { cells, change: gone ? "delete" : "write", eventTime: milliseconds, timestamp };
}

/** When a bucket begins, by what Date knows of the calendar. */
function bucketOf({ bucket, type }: Column, milliseconds: number): string {
  const date = new Date(milliseconds);
  date.setUTCMinutes(0, 0, 0);
  if (bucket !== TimeBucket.Hour) date.setUTCHours(0);
  if (bucket === TimeBucket.Month) date.setUTCDate(1);
  while (bucket === TimeBucket.Week && date.getUTCDay() !== 1) date.setUTCDate(date.getUTCDate() - 1);
  return type === "date" ? date.toISOString().slice(0, 10) : `@${date.getTime()}`;
}

function jsonObject(members: readonly (readonly [string, string])[]): string {
  return `{${members.map(([name, json]) => `${JSON.stringify(name)}: ${json}`).join(", ")}}`;
}

/** JSON of a column's value, or of what no column of the type takes. */
function jsonOf(type: TypeTree, { json }: Sample, state: State): string {
  if (state !== "wrong") return state === "null" ? "null" : json;
  return type.kind === "map" || type.kind === "udt" ? "[7]" : '{"a":1}';
}

/** A value as a property or an attribute has it. */
function plainValue(type: TypeTree, { json, key }: Sample, state: State): string | number | boolean | null {
  if (state === "null") return null;
  const scalar = type.kind === "scalar" ? type.scalar : "text";
  if (state === "wrong") return scalar === "text" || scalar === "ascii" ? 5 : "wrong";
  if (scalar === "bigint") return key;
  const value: unknown = JSON.parse(json);
  return typeof value === "number" || typeof value === "boolean" ? value : key;
}

/** A value as the writer takes it: its longs are bigints. */
function avroValue(type: TypeTree, value: unknown): unknown {
  if (value === null) return null;
  if (type.kind === "scalar")
    return (type.scalar === "time" || type.scalar === "timestamp") && typeof value === "number" ? BigInt(value) : value;
  if (Array.isArray(value) && "element" in type) return value.map((item: unknown) => avroValue(type.element, item));
  const parts: { [name: string]: TypeTree } =
    type.kind === "udt" ? Object.fromEntries(type.fields.map((field) => [field.name, field.type])) : {};
  return Object.fromEntries(
    Object.entries(value as object).map(([name, item]) => {
      const part = type.kind === "map" ? type.value : parts[name];
      return [name, part === undefined ? item : avroValue(part, item)];
    }),
  );
}

/** A CloudEvent in one of its forms. */
function cloudEvent(
  draw: Draw,
  event: {
    attributes: { [name: string]: unknown };
    properties: SinkMessage["properties"];
    body: string;
    messageId: string;
  },
): SinkMessage {
  const { attributes, properties, body, messageId } = event;
  const form = draw.pick(["binary", "structured", "base64", "untold"]);
  if (form === "binary") {
    const prefix = draw.pick(["cloudEvents:", "cloudEvents_"]);
    const prefixed = Object.entries(attributes).map(([name, value]) => [prefix + name, value]);
    const contentType = draw.pick(["application/json", "application/vnd.x+json; charset=utf-8"]);
    return message(body, { messageId, contentType, properties: { ...properties, ...Object.fromEntries(prefixed) } });
  }
  const plain = Object.entries(attributes).map(([name, value]) => [name, JSON.stringify(value)] as const);
  const data = ["data", body] as const;
  const base64 = ["data_base64", JSON.stringify(Buffer.from(body).toString("base64"))] as const;
  const text = jsonObject([...plain, form === "base64" ? base64 : data]);
  const type = form === "untold" ? {} : { contentType: "application/cloudevents+json; charset=utf-8" };
  return message(text, { messageId, properties, ...type });
}
