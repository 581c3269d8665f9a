import { Duration, Guid, type SqlValue } from "../core/sql/values.js";
import { Code, type Cursor, undecodable } from "./codec.js";

// Values of application properties with their types, as filters see them and as actions write them.

const Byte = { Ubyte: 0x50, Byte: 0x51, SmallInt: 0x54, SmallLong: 0x55, Ushort: 0x60, Short: 0x61 } as const;
const FLOAT = 0x72;
const CHAR = 0x73;
const DOUBLE = 0x82;
/** .NET counts time in units of 100 ns. */
const TICKS_PER_MS = 10_000n;
/** From the year 1, where .NET's ticks begin, to 1970. */
const TICKS_AT_1970 = 621_355_968_000_000_000n;

/** Types that .NET clients describe, beyond AMQP's own. */
const DESCRIBED: ReadonlyMap<string, (value: SqlValue) => SqlValue> = new Map([
  ["com.microsoft:uri", (value) => value],
  [
    "com.microsoft:timespan",
    (value) => (typeof value === "bigint" ? new Duration(Number(value / TICKS_PER_MS)) : value),
  ],
  [
    "com.microsoft:datetime-offset",
    (value) => (typeof value === "bigint" ? new Date(Number((value - TICKS_AT_1970) / TICKS_PER_MS)) : value),
  ],
]);

/** Reads one value with its type code; lists, maps, arrays and decimals stay as the bytes they are. */
export function readValue(cursor: Cursor): SqlValue {
  const start = cursor.at;
  const code = cursor.byte();
  switch (code) {
    case Code.Null:
      return null;
    case Code.True:
    case Code.False:
      return code === Code.True;
    case Code.Boolean:
      return cursor.byte() !== 0;
    case Code.Uint0:
    case Code.Ulong0:
      return 0n;
    case Byte.Ubyte:
    case Code.SmallUint:
    case Code.SmallUlong:
      return BigInt(cursor.byte());
    case Byte.Byte:
    case Byte.SmallInt:
    case Byte.SmallLong:
      return BigInt(cursor.bytes(1).readInt8());
    case Byte.Ushort:
      return BigInt(cursor.bytes(2).readUInt16BE());
    case Byte.Short:
      return BigInt(cursor.bytes(2).readInt16BE());
    case Code.Uint:
      return BigInt(cursor.uint32());
    case Code.Int:
      return BigInt(cursor.bytes(4).readInt32BE());
    case Code.Ulong:
      return cursor.bytes(8).readBigUInt64BE();
    case Code.Long:
      return cursor.bytes(8).readBigInt64BE();
    case FLOAT:
      return cursor.bytes(4).readFloatBE();
    case DOUBLE:
      return cursor.bytes(8).readDoubleBE();
    case CHAR: {
      const point = cursor.uint32();
      if (point > 0x10_ffff) {
        throw undecodable(`0x${point.toString(16)} at ${start} is no character`);
      }
      return String.fromCodePoint(point);
    }
    case Code.Timestamp:
      return new Date(cursor.int64());
    case Code.Uuid:
      return new Guid(uuidText(cursor.bytes(16)));
    case Code.Described: {
      const descriptor = readValue(cursor);
      const value = readValue(cursor);
      return typeof descriptor === "string" ? (DESCRIBED.get(descriptor)?.(value) ?? value) : value;
    }
    default:
      cursor.at = start;
      return readText(cursor, code) ?? opaque(cursor);
  }
}

function readText(cursor: Cursor, code: number): string | undefined {
  switch (code) {
    case Code.String8:
    case Code.String32:
    case Code.Symbol8:
    case Code.Symbol32:
      return cursor.text();
    default:
      return undefined;
  }
}

function opaque(cursor: Cursor): Uint8Array {
  const from = cursor.at;
  cursor.skip();
  return cursor.buffer.subarray(from, cursor.at);
}

/** Sixteen bytes in RFC order, as a UUID is written. */
export function uuidText(bytes: Buffer): string {
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** A string with its type code. */
export function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text);
  const head = Buffer.alloc(5);
  head[0] = Code.String32;
  head.writeUInt32BE(bytes.length, 1);
  return bytes.length < 256
    ? Buffer.concat([Buffer.from([Code.String8, bytes.length]), bytes])
    : Buffer.concat([head, bytes]);
}

/** A value of eight bytes with its type code. */
function encodeLong(code: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = code;
  bytes.writeBigInt64BE(BigInt.asIntN(64, value), 1);
  return bytes;
}

/** A time in milliseconds since 1970 with its type code. */
export function encodeTime(milliseconds: number): Buffer {
  return encodeLong(Code.Timestamp, BigInt(Math.trunc(milliseconds)));
}

/**
 * Encodes a value with its type code.
 * @param before the type code that the property had: a whole number keeps its width where it fits
 */
export function encodeValue(value: SqlValue, before: number | undefined): Buffer {
  switch (typeof value) {
    case "string":
      return encodeText(value);
    case "boolean":
      return Buffer.from([value ? Code.True : Code.False]);
    case "bigint":
      return encodeWhole(value, before);
    case "number": {
      const bytes = Buffer.alloc(9);
      bytes[0] = DOUBLE;
      bytes.writeDoubleBE(value, 1);
      return bytes;
    }
    default:
      break;
  }
  if (value === null) {
    return Buffer.from([Code.Null]);
  }
  if (value instanceof Date) {
    return encodeTime(value.getTime());
  }
  if (value instanceof Guid) {
    return Buffer.concat([Buffer.from([Code.Uuid]), Buffer.from(value.text.replaceAll("-", ""), "hex")]);
  }
  if (value instanceof Duration) {
    const name = Buffer.from("com.microsoft:timespan");
    const ticks = encodeLong(Code.Long, BigInt(Math.round(value.milliseconds)) * TICKS_PER_MS);
    return Buffer.concat([Buffer.from([Code.Described, Code.Symbol8, name.length]), name, ticks]);
  }
  // Read as the bytes it was, type code and all.
  return Buffer.from(value);
}

/** Type codes of whole numbers: what is written for them, how wide, and from where to where. */
const WHOLE: readonly {
  readonly codes: readonly number[];
  readonly code: number;
  readonly bytes: number;
  readonly signed: boolean;
}[] = [
  { codes: [Byte.Ubyte], code: Byte.Ubyte, bytes: 1, signed: false },
  { codes: [Byte.Byte], code: Byte.Byte, bytes: 1, signed: true },
  { codes: [Byte.Ushort], code: Byte.Ushort, bytes: 2, signed: false },
  { codes: [Byte.Short], code: Byte.Short, bytes: 2, signed: true },
  { codes: [Code.Uint0, Code.SmallUint, Code.Uint], code: Code.Uint, bytes: 4, signed: false },
  { codes: [Byte.SmallInt, Code.Int], code: Code.Int, bytes: 4, signed: true },
  { codes: [Code.Ulong0, Code.SmallUlong, Code.Ulong], code: Code.Ulong, bytes: 8, signed: false },
];

function encodeWhole(value: bigint, before: number | undefined): Buffer {
  const type = WHOLE.find(({ codes }) => before !== undefined && codes.includes(before));
  if (type === undefined) {
    return encodeLong(Code.Long, value);
  }
  const { code, bytes, signed } = type;
  const fits = signed ? BigInt.asIntN(bytes * 8, value) === value : BigInt.asUintN(bytes * 8, value) === value;
  if (!fits) {
    return encodeLong(Code.Long, value);
  }
  const wide = Buffer.alloc(8);
  wide.writeBigInt64BE(BigInt.asIntN(64, value));
  return Buffer.concat([Buffer.from([code]), wide.subarray(8 - bytes)]);
}
