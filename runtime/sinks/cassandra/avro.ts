import { isUtf8 } from "node:buffer";
import { LosslessNumber } from "lossless-json";
import {
  type AvroLogical,
  type AvroNamed,
  type AvroType,
  avroFingerprint,
  parseAvroSchema,
} from "../../contract/index.js";
import { varintOf } from "./bytes.js";
import { DECIMAL_DIGITS, decimalText, NotFinite } from "./numbers.js";
import { Day, Instant, timeText } from "./times.js";

/** Bytes that are no datum of the schema. */
export class AvroDataError extends Error {}

/** Marks single-object encoding, version 1; eight bytes of the schema's fingerprint follow. */
const MARKER = "c301";
const HEADER_BYTES = 10;
/** How deep records of a schema that names itself may be nested in a datum. */
const DEPTH = 64;
/**
 * Items that take no bytes (null, an empty record) are not bounded by the body's length. A datum may have so many more items
 * than bytes.
 */
const EXTRA_ITEMS = 1024;
/** Most bytes of a decimal whose digits are DECIMAL_DIGITS. */
const DECIMAL_BYTES = Math.ceil(DECIMAL_DIGITS / Math.log10(256)) + 1;

/**
 * Reads data of one Avro schema, by Avro 1.11's specification. No count or length in a body is believed: a datum costs time and
 * memory in proportion to its bytes, whatever they say.
 */
export class AvroReader {
  private readonly decode: Decode;
  private readonly fingerprint: string;

  constructor(
    schema: object | string,
    /** True where the datum stands behind the marker and fingerprint of single-object encoding. */
    private readonly singleObject: boolean,
  ) {
    this.decode = decoderOf(parseAvroSchema(schema), new Map());
    this.fingerprint = avroFingerprint(schema);
  }

  /** The record. Throws an AvroDataError. */
  read(bytes: Buffer): unknown {
    if (this.singleObject) this.checkHeader(bytes);
    const cursor = new Cursor(bytes, this.singleObject ? HEADER_BYTES : 0);
    const value = this.decode(cursor);
    if (cursor.at !== bytes.length) throw new AvroDataError(`${bytes.length - cursor.at} bytes follow the datum`);
    return value;
  }

  private checkHeader(bytes: Buffer): void {
    if (bytes.toString("hex", 0, 2) !== MARKER || bytes.length < HEADER_BYTES)
      throw new AvroDataError("it does not begin as single-object encoding does, with C3 01 and a fingerprint");
    const found = bytes.toString("hex", 2, HEADER_BYTES);
    if (found !== this.fingerprint)
      throw new AvroDataError(`it has the schema of fingerprint ${found}, the table has ${this.fingerprint}`);
  }
}

type Decode = (cursor: Cursor) => unknown;

/** Goes through the bytes of a datum. */
class Cursor {
  depth = 0;
  private items = 0;

  constructor(
    readonly bytes: Buffer,
    public at: number,
  ) {}

  take(length: number): Buffer {
    const start = this.at;
    if (length < 0 || length > this.bytes.length - start) throw new AvroDataError("it ends too early");
    this.at = start + length;
    return this.bytes.subarray(start, this.at);
  }

  byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new AvroDataError("it ends too early");
    this.at++;
    return byte;
  }

  /** A number of up to 64 bits in zigzag: as a number where that is exact, else as a bigint. */
  long(): number | bigint {
    let value = 0;
    let factor = 1;
    // 49 bits, which a double holds.
    for (let i = 0; i < 7; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      factor *= 128;
    }
    let long = BigInt(value);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      long |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return signed(long);
    }
    throw new AvroDataError("it has a number of more than 64 bits");
  }

  /** A number that counts something: never more than a body could hold. */
  count(): number {
    const long = this.long();
    if (typeof long === "bigint") throw new AvroDataError("it has a length beyond its end");
    return long;
  }

  /** Calls for each item of an array or a map. */
  blocks(item: () => void): void {
    for (;;) {
      let count = this.count();
      if (count === 0) return;
      if (count < 0) {
        // The block's length in bytes stands here, for readers that skip it.
        this.count();
        count = -count;
      }
      this.items += count;
      if (this.items > this.bytes.length + EXTRA_ITEMS) throw new AvroDataError("it has a list longer than its body");
      for (let i = 0; i < count; i++) item();
    }
  }

  text(): string {
    const bytes = this.take(this.count());
    if (!isUtf8(bytes)) throw new AvroDataError("it has a string that is not UTF-8");
    return bytes.toString("utf8");
  }
}

function signed(long: bigint): number | bigint {
  if (long >> 64n !== 0n) throw new AvroDataError("it has a number of more than 64 bits");
  const value = (long >> 1n) ^ -(long & 1n);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** How a type is read. `known` has those of named types, which may hold themselves. */
function decoderOf(type: AvroType, known: Map<AvroNamed, Decode>): Decode {
  switch (type.kind) {
    case "record":
      return recordDecoder(type, known);
    case "enum": {
      const { symbols } = type;
      return (cursor) => chosen(symbols, cursor, "an enum's symbol");
    }
    case "array": {
      const decode = decoderOf(type.items, known);
      return (cursor) => {
        const list: unknown[] = [];
        cursor.blocks(() => list.push(decode(cursor)));
        return list;
      };
    }
    case "map": {
      const decode = decoderOf(type.items, known);
      return (cursor) => {
        const map: { [key: string]: unknown } = Object.create(null);
        cursor.blocks(() => {
          const key = cursor.text();
          map[key] = decode(cursor);
        });
        return map;
      };
    }
    case "union": {
      const branches = type.branches.map((branch) => decoderOf(branch, known));
      return (cursor) => chosen(branches, cursor, "a union's branch")(cursor);
    }
    case "fixed": {
      const { size, logical } = type;
      const meaning = bytesMeaning(logical);
      return (cursor) => meaning(cursor.take(size));
    }
    case "bytes": {
      const meaning = bytesMeaning(type.logical);
      return (cursor) => meaning(cursor.take(cursor.count()));
    }
    case "int":
    case "long": {
      const meaning = numberMeaning(type.logical);
      return type.kind === "int" ? (cursor) => meaning(int(cursor)) : (cursor) => meaning(cursor.long());
    }
    default:
      return PRIMITIVES[type.kind];
  }
}

const PRIMITIVES: Record<"null" | "boolean" | "float" | "double" | "string", Decode> = {
  null: () => null,
  boolean: (cursor) => {
    const byte = cursor.byte();
    if (byte > 1) throw new AvroDataError("it has a boolean that is neither 0 nor 1");
    return byte === 1;
  },
  float: (cursor) => finite(cursor.take(4).readFloatLE()),
  double: (cursor) => finite(cursor.take(8).readDoubleLE()),
  string: (cursor) => cursor.text(),
};

function recordDecoder(type: AvroNamed & { kind: "record" }, known: Map<AvroNamed, Decode>): Decode {
  const before = known.get(type);
  if (before !== undefined) return before;
  const fields: { name: string; decode: Decode }[] = [];
  const decode: Decode = (cursor) => {
    if (++cursor.depth > DEPTH) throw new AvroDataError(`its records are nested more than ${DEPTH} deep`);
    const record: { [field: string]: unknown } = Object.create(null);
    for (const field of fields) record[field.name] = field.decode(cursor);
    cursor.depth--;
    return record;
  };
  known.set(type, decode);
  for (const { name, type: field } of type.fields) fields.push({ name, decode: decoderOf(field, known) });
  return decode;
}

function chosen<T>(list: readonly T[], cursor: Cursor, what: string): T {
  const found = list[cursor.count()];
  if (found === undefined)
    throw new AvroDataError(`it has a number where ${what} stands that the schema does not have`);
  return found;
}

function int(cursor: Cursor): number {
  const value = cursor.count();
  if (value < -(2 ** 31) || value > 2 ** 31 - 1) throw new AvroDataError("it has an int of more than 32 bits");
  return value;
}

function finite(value: number): unknown {
  return Number.isFinite(value) ? value : new NotFinite(value);
}

/** What a number stands for. */
function numberMeaning(logical: AvroLogical | undefined): (value: number | bigint) => unknown {
  switch (logical?.name) {
    case "timestamp-millis":
      return (value) => new Instant(Number(value), 0, true);
    case "timestamp-micros":
      return microseconds;
    case "date":
      return (value) => new Day(Number(value));
    case "time-millis":
      return (value) => timeOf(value, 1e6);
    case "time-micros":
      return (value) => timeOf(value, 1e3);
    default:
      return (value) => value;
  }
}

function microseconds(value: number | bigint): Instant {
  const whole = typeof value === "bigint" ? value / 1000n - (value % 1000n < 0n ? 1n : 0n) : Math.floor(value / 1000);
  const rest = typeof value === "bigint" ? value - BigInt(whole) * 1000n : value - Number(whole) * 1000;
  return new Instant(Number(whole), Number(rest), false);
}

const DAY_NANOSECONDS = 86_400e9;

function timeOf(value: number | bigint, nanoseconds: number): string {
  const time = Number(value) * nanoseconds;
  if (!(time >= 0 && time < DAY_NANOSECONDS)) throw new AvroDataError("it has a time of day outside the day");
  return timeText(time);
}

/** What bytes stand for. */
function bytesMeaning(logical: AvroLogical | undefined): (bytes: Buffer) => unknown {
  switch (logical?.name) {
    case "decimal": {
      const { scale } = logical;
      return (bytes) => {
        if (bytes.length > DECIMAL_BYTES)
          throw new AvroDataError(`it has a decimal of more than ${DECIMAL_DIGITS} digits`);
        return new LosslessNumber(decimalText({ unscaled: varintOf(bytes), scale }));
      };
    }
    case "duration":
      return (bytes) => `${bytes.readUInt32LE(0)}mo${bytes.readUInt32LE(4)}d${bytes.readUInt32LE(8)}ms`;
    default:
      return (bytes) => bytes;
  }
}
