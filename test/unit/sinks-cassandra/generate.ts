import { types } from "cassandra-driver";
import fc from "fast-check";
import type { CqlType, ScalarType, TypeTree } from "../../../runtime/contract/index.js";
import { Seeded } from "../broker-fuzz/seeded.js";
import { shown } from "./driver.js";

/** Values of each arbitrary that are drawn from: making one anew takes longer than a message does. */
const POOL = 500;

/** Draws values; what is drawn follows from the seed alone. */
export class Draw extends Seeded {
  private readonly pools = new Map<unknown, unknown[]>();

  constructor(private readonly seed: number) {
    super(seed);
  }

  between(min: number, max: number): number {
    return min + Math.floor((this.uint() / 2 ** 32) * (max - min + 1));
  }

  /** A value of an arbitrary. */
  from<T>(arbitrary: fc.Arbitrary<T>): T {
    const pool =
      (this.pools.get(arbitrary) as T[] | undefined) ?? fc.sample(arbitrary, { numRuns: POOL, seed: this.seed });
    this.pools.set(arbitrary, pool);
    return this.pick(pool);
  }
}

/** One value, in each way in which a message can carry it, and as a reader of the table must see it. */
export interface Sample {
  /** JSON text. */
  json: string;
  /** A value for `avroType`'s schema. */
  avro: unknown;
  /** What a reader sees, as `shown` writes it. */
  read: string;
  /** The value as the key of a JSON object. */
  key: string;
}

const DAY_MS = 86_400_000;
const YEAR_1 = Date.parse("0001-01-01T00:00:00Z");
const YEAR_9999 = Date.UTC(9999, 11, 31);
const longs = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 0n, 2n ** 53n + 1n),
);
const dates = fc.integer({ min: YEAR_1, max: YEAR_9999 });
const nanoseconds64 = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
const naturals = fc.nat();
/** Texts of code points up to a limit. Of fast-check's own strings those of all code points take seconds to be made ready. */
const stringOf = (most: number) =>
  fc
    .array(fc.oneof(fc.nat({ max: 0x7f }), fc.nat({ max: Math.min(most, 0xd7ff) }), fc.nat({ max: most })), {
      maxLength: 10,
    })
    .map((points) => String.fromCodePoint(...points.filter((point) => point < 0xd800 || point > 0xdfff)));
const asciis = stringOf(0x7f);
const texts = stringOf(0x10ffff);
const byteLists = fc.uint8Array({ maxLength: 20 });
const doubles = fc.double();
const floats = fc.float();
const addresses = fc.oneof(fc.ipV4(), fc.ipV6());
const uuids = { 1: fc.uuid({ version: 1 }), 4: fc.uuid({ version: 4 }) };

function integers(bits: number): (draw: Draw) => Sample {
  const [min, max] = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  const values = fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max, 0));
  return (draw) => {
    const value = draw.from(values);
    return number(String(value), value);
  };
}

function number(digits: string, avro: unknown): Sample {
  return { json: digits, avro, read: digits, key: digits };
}

function quoted(text: string, read = text, avro: unknown = text): Sample {
  return { json: JSON.stringify(text), avro, read, key: text };
}

/** A double's JSON; one that is none or without end is text there, and itself in Avro. */
function floating(value: number): Sample {
  const read = shown(value);
  return { json: Number.isFinite(value) ? read : JSON.stringify(read), avro: value, read, key: read };
}

/** ISO 8601 with some offset from UTC. */
function isoOf(draw: Draw, milliseconds: number): string {
  const minutes = draw.between(-18 * 60, 18 * 60);
  const local = new Date(milliseconds + minutes * 60_000).toISOString().slice(0, -1);
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  const offset = `${minutes < 0 ? "-" : "+"}${String(hours).padStart(2, "0")}:${String(rest).padStart(2, "0")}`;
  return minutes === 0 ? `${local}Z` : local + offset;
}

/** A value of each scalar type. */
const SCALARS: Record<ScalarType, (draw: Draw) => Sample> = {
  ascii: (draw) => {
    const text = draw.from(asciis);
    return quoted(text, JSON.stringify(text));
  },
  bigint: (draw) => {
    const value = draw.from(longs);
    const sample = number(String(value), value);
    return draw.oneIn(2) ? { ...sample, json: `"${value}"` } : sample;
  },
  blob: (draw) => {
    const bytes = Buffer.from(draw.from(byteLists));
    return quoted(bytes.toString("base64"), `0x${bytes.toString("hex")}`, bytes);
  },
  boolean: (draw) => {
    const value = draw.oneIn(2);
    return number(String(value), value);
  },
  date: (draw) => {
    const days = Math.floor(draw.from(dates) / DAY_MS);
    const text = new Date(days * DAY_MS).toISOString().slice(0, 10);
    return quoted(text, text, days);
  },
  decimal: (draw) => {
    const unscaled = draw.from(longs);
    const digits = String(unscaled).replace("-", "").padStart(7, "0");
    const text = `${unscaled < 0n ? "-" : ""}${digits.slice(0, -6).replace(/^0+(?=\d)/, "")}.${digits.slice(-6)}`;
    const read = types.BigDecimal.fromString(text).toString();
    return { json: draw.oneIn(2) ? text : `"${text}"`, avro: unscaledBytes(unscaled), read, key: text };
  },
  double: (draw) => floating(draw.from(doubles)),
  duration: (draw) => {
    const [months, days] = [draw.from(naturals), draw.from(naturals)];
    const nanoseconds = draw.from(nanoseconds64);
    const text = draw.oneIn(2)
      ? `${months}mo${days}d${nanoseconds}ns`
      : `-P${months}M${days}DT${nanoseconds / 1_000_000_000n}.${String(nanoseconds % 1_000_000_000n).padStart(9, "0")}S`;
    const plain = `${text.startsWith("-") ? "-" : ""}${months}mo${days}d${nanoseconds}ns`;
    return quoted(text, String(types.Duration.fromString(plain)));
  },
  float: (draw) => floating(draw.from(floats)),
  inet: (draw) => {
    const ip = draw.from(addresses);
    const host = ip.includes(":") ? new URL(`http://[${ip}]`).hostname.slice(1, -1) : ip;
    return quoted(ip, `0x${types.InetAddress.fromString(host).getBuffer().toString("hex")}`);
  },
  int: integers(32),
  smallint: integers(16),
  text: (draw) => {
    const text = draw.from(texts);
    return quoted(text, JSON.stringify(text));
  },
  time: (draw) => {
    const micros = draw.between(0, DAY_MS * 1000 - 1);
    const text = `${new Date(Math.floor(micros / 1000)).toISOString().slice(11, 23)}${String(micros % 1000).padStart(3, "0")}`;
    return quoted(text, String(types.LocalTime.fromString(text)), micros);
  },
  timestamp: (draw) => {
    const milliseconds = draw.from(dates);
    const text = isoOf(draw, milliseconds);
    const json = draw.oneIn(2) ? JSON.stringify(text) : String(milliseconds);
    return { json, avro: milliseconds, read: `@${milliseconds}`, key: text };
  },
  timeuuid: (draw) => uuid(draw, 1),
  tinyint: integers(8),
  uuid: (draw) => uuid(draw, 4),
  varint: (draw) => {
    const value = draw.from(longs) * draw.from(longs);
    return { ...number(String(value), String(value)), json: draw.oneIn(2) ? String(value) : `"${value}"` };
  },
};

function uuid(draw: Draw, version: 1 | 4): Sample {
  const id = draw.from(uuids[version]);
  return quoted(draw.oneIn(2) ? id.toUpperCase() : id, id);
}

/** A number in as many bytes as Avro's decimals need. */
function unscaledBytes(value: bigint): Buffer {
  const bytes = Buffer.alloc(9);
  bytes.writeInt8(value < 0n ? -1 : 0);
  bytes.writeBigInt64BE(BigInt.asIntN(64, value), 1);
  return bytes;
}

/** A value of a type. Two of a map's keys, or a set's values, are never equal. */
export function sampleOf(type: TypeTree, draw: Draw): Sample {
  switch (type.kind) {
    case "scalar":
      return SCALARS[type.scalar](draw);
    case "list":
    case "vector": {
      const length = type.kind === "vector" ? type.dimension : draw.below(4);
      return listOf(Array.from({ length }, () => sampleOf(type.element, draw)));
    }
    case "set":
      return listOf(several(draw, () => sampleOf(type.element, draw)));
    case "map": {
      const keys = several(draw, () => sampleOf(type.key, draw));
      // As every JSON object has them: keys that are whole numbers first.
      const order = Object.keys(Object.fromEntries(keys.map(({ key }) => [key, 0])));
      const sorted = order.flatMap((key) => keys.filter((each) => each.key === key));
      const pairs = sorted.map((key) => ({ key, value: sampleOf(type.value, draw) }));
      const json = `{${pairs.map(({ key, value }) => `${JSON.stringify(key.key)}:${value.json}`).join(",")}}`;
      const read = `{${pairs.map(({ key, value }) => `${mapKey(key.read)}:${value.read}`).join(",")}}`;
      const avro = Object.fromEntries(pairs.map(({ key, value }) => [key.key, value.avro]));
      return { json, avro, read, key: json };
    }
    case "tuple":
      return listOf(type.elements.map((element) => perhaps(draw, () => sampleOf(element, draw))));
    case "udt": {
      const fields = type.fields.map(({ name, type: field }) => ({
        name,
        value: perhaps(draw, () => sampleOf(field, draw)),
      }));
      const json = `{${fields.map(({ name, value }) => `${JSON.stringify(name)}:${value.json}`).join(",")}}`;
      const read = `{${fields.map(({ name, value }) => `${JSON.stringify(name)}:${value.read}`).join(",")}}`;
      return { json, avro: Object.fromEntries(fields.map(({ name, value }) => [name, value.avro])), read, key: json };
    }
  }
}

/** The driver reads a map into a Map of JavaScript, which takes minus zero for zero. */
function mapKey(read: string): string {
  return read === "-0" ? "0" : read;
}

const NULL: Sample = { json: "null", avro: null, read: "null", key: "null" };

function perhaps(draw: Draw, sample: () => Sample): Sample {
  return draw.oneIn(5) ? NULL : sample();
}

function listOf(items: Sample[]): Sample {
  const json = `[${items.map((item) => item.json).join(",")}]`;
  return {
    json,
    avro: items.map((item) => item.avro),
    read: `[${items.map((item) => item.read).join(",")}]`,
    key: json,
  };
}

function several(draw: Draw, sample: () => Sample): Sample[] {
  const all = Array.from({ length: draw.below(4) }, sample);
  return all.filter((one, i) => !all.slice(0, i).some((other) => other.read === one.read || other.key === one.key));
}

/** What a type is drawn for: a key has an order; what goes through Avro has no tuples, which it knows not. */
export interface TypeNeeds {
  key: boolean;
  avro: boolean;
}

const ALL_SCALARS = Object.keys(SCALARS).map((name) => name as ScalarType);

/** A type nested at most so deep; user-defined ones are added to `defined`. */
export function typeOf(
  draw: Draw,
  depth: number,
  needs: TypeNeeds,
  defined: { [name: string]: { [field: string]: CqlType } },
): TypeTree {
  const kinds = ["scalar", "list", "vector", "udt", "set", "map", "tuple"] as const;
  const able = kinds.filter(
    (kind) => !(needs.key && (kind === "set" || kind === "map")) && !(needs.avro && kind === "tuple"),
  );
  const kind = depth === 0 ? ("scalar" as const) : draw.pick(able);
  const part = (changes: Partial<TypeNeeds> = {}) => typeOf(draw, depth - 1, { ...needs, ...changes }, defined);
  switch (kind) {
    case "scalar":
      return {
        kind,
        scalar: draw.pick(ALL_SCALARS.filter((name) => !needs.key || name !== "duration")),
      };
    case "list":
      return { kind, element: part() };
    case "set":
      return { kind, element: part({ key: true }) };
    case "vector":
      return { kind, element: part(), dimension: draw.between(1, 4) };
    case "map":
      // In Avro the keys of maps are text; the keys of objects are too, in text form.
      return { kind, key: part({ key: true }), value: part() };
    case "tuple":
      return { kind, elements: Array.from({ length: draw.between(1, 3) }, () => part()) };
    case "udt": {
      const fields = Array.from({ length: draw.between(1, 3) }, (_, i) => ({
        name: `f${i}`,
        type: part(),
      }));
      const name = `t${Object.keys(defined).length}`;
      defined[name] = Object.fromEntries(fields.map((field) => [field.name, writtenAs(field.type)]));
      return { kind, name, fields };
    }
  }
}

/** A type as a definition may say it: of what is frozen by what stands around it, frozen is left out. */
export function writtenAs(type: TypeTree, inner = false): CqlType {
  const frozen = (text: string) => (inner ? text : `frozen<${text}>`) as CqlType;
  switch (type.kind) {
    case "scalar":
      return type.scalar;
    case "list":
    case "set":
      return frozen(`${type.kind}<${writtenAs(type.element, true)}>`);
    case "map":
      return frozen(`map<${writtenAs(type.key, true)},${writtenAs(type.value, true)}>`);
    case "tuple":
      return `tuple<${type.elements.map((element) => writtenAs(element, true)).join(", ")}>`;
    case "vector":
      return `vector<${writtenAs(type.element, true)}, ${type.dimension}>`;
    case "udt":
      return `frozen<${type.name}>`;
  }
}

let named = 0;

/** An Avro schema for values of a type. */
export function avroType(type: TypeTree): object | string {
  switch (type.kind) {
    case "scalar":
      return AVRO[type.scalar];
    case "list":
    case "set":
    case "vector":
      return { type: "array", items: avroType(type.element) };
    case "map":
      return { type: "map", values: avroType(type.value) };
    case "udt":
      return {
        type: "record",
        name: `R${named++}`,
        fields: type.fields.map((field) => ({ name: field.name, type: ["null", avroType(field.type)] })),
      };
    case "tuple":
      throw new Error("Avro has no tuples");
  }
}

const AVRO: Record<ScalarType, object | string> = {
  ascii: "string",
  bigint: "long",
  blob: "bytes",
  boolean: "boolean",
  date: { type: "int", logicalType: "date" },
  decimal: { type: "bytes", logicalType: "decimal", precision: 19, scale: 6 },
  double: "double",
  duration: "string",
  float: "float",
  inet: "string",
  int: "int",
  smallint: "int",
  text: "string",
  time: { type: "long", logicalType: "time-micros" },
  timestamp: { type: "long", logicalType: "timestamp-millis" },
  timeuuid: { type: "string", logicalType: "uuid" },
  tinyint: "int",
  uuid: { type: "string", logicalType: "uuid" },
  varint: "string",
};
