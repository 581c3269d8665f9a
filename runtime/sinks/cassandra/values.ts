import { isLosslessNumber, LosslessNumber } from "lossless-json";
import { ScalarType } from "../../contract/index.js";
import { addressBytes, addressText } from "./addresses.js";
import {
  doubleBytes,
  floatBytes,
  int8Bytes,
  int16Bytes,
  int32Bytes,
  int64Bytes,
  varintBytes,
  varintOf,
} from "./bytes.js";
import type { Codec } from "./codec.js";
import { durationBytes, durationText, parseDuration } from "./durations.js";
import { Digits } from "./jsonText.js";
import {
  type Decimal,
  decimal,
  decimalText,
  double,
  float,
  int64,
  NotFinite,
  smallInteger,
  varint,
} from "./numbers.js";
import { Day, daysSince1970, dayText, Instant, instant, instantText, timeOfDay, timeText } from "./times.js";
import { WrongValue } from "./unfit.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const SURROGATE = /[\ud800-\udfff]/;
const LONE_SURROGATE = /\p{Surrogate}/u;
/** What CQL's date counts from: 1970 lies in the middle of its unsigned range. */
const DATE_EPOCH = 2 ** 31;
const TRUE = Buffer.from([1]);
const FALSE = Buffer.from([0]);

function text(value: unknown): Buffer {
  // A lone surrogate has no UTF-8 form and would be stored as another character.
  if (typeof value !== "string" || (SURROGATE.test(value) && LONE_SURROGATE.test(value)))
    throw new WrongValue("must be a string of valid Unicode");
  return Buffer.from(value);
}

function ascii(value: unknown): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value) : undefined;
  // Every other character has more bytes than code units.
  if (bytes === undefined || bytes.length !== String(value).length) throw new WrongValue("must be a string of ASCII");
  return bytes;
}

function boolean(value: unknown): Buffer {
  if (typeof value !== "boolean") throw new WrongValue("must be true or false");
  return value ? TRUE : FALSE;
}

function blob(value: unknown): Buffer {
  if (Buffer.isBuffer(value)) return value;
  const bytes = typeof value === "string" ? Buffer.from(value, "base64") : undefined;
  // Bits that the last character has to spare must be zero: otherwise two texts would mean the same bytes.
  if (bytes === undefined || bytes.toString("base64") !== value)
    throw new WrongValue("must be a string in base64 with its padding");
  return bytes;
}

function uuid(value: unknown, version?: string): Buffer {
  const found = typeof value === "string" ? UUID.exec(value) : null;
  if (found === null || (version !== undefined && found[1] !== version))
    throw new WrongValue(version === undefined ? "must be a UUID" : `must be a UUID of version ${version}`);
  return Buffer.from(found[0].replaceAll("-", ""), "hex");
}

function uuidText(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function decimalBytes({ unscaled, scale }: Decimal): Buffer {
  return Buffer.concat([int32Bytes(scale), varintBytes(unscaled)]);
}

/** A number's text; minus zero is another value than zero, in other bytes. */
function numberText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function integer(
  bits: 8 | 16 | 32,
  bytesOf: (value: number) => Buffer,
  read: (bytes: Buffer) => number,
  width?: number,
): Codec {
  const [min, max] = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  return numeric(
    (value) => bytesOf(smallInteger(value, min, max)),
    (bytes) => String(read(bytes)),
    width,
  );
}

/** A codec of values whose text form is a number in JSON. */
function numeric(encode: Codec["encode"], textOf: Codec["text"], width?: number): Codec {
  const fromText = (digits: string) => encode(NUMBER.test(digits) ? new LosslessNumber(digits) : digits);
  const json = (bytes: Buffer) => (NUMBER.test(textOf(bytes)) ? textOf(bytes) : JSON.stringify(textOf(bytes)));
  return { encode, fromText, text: textOf, json, ...(width === undefined ? {} : { width }) };
}
/** A number as JSON writes it. */
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** A codec of values whose text form is a string in JSON. */
function textual(encode: Codec["encode"], textOf: Codec["text"], width?: number): Codec {
  const json = (bytes: Buffer) => JSON.stringify(textOf(bytes));
  return { encode, fromText: encode, text: textOf, json, ...(width === undefined ? {} : { width }) };
}

function booleanFrom(text: string): Buffer {
  return boolean(text === "true" ? true : text === "false" ? false : text);
}

/** How the values of each scalar type are written. The widths are those that Cassandra gives a vector's items. */
export const scalarCodecs: Record<ScalarType, Codec> = {
  [ScalarType.Ascii]: textual(ascii, String),
  [ScalarType.Bigint]: numeric(
    (value) => int64Bytes(int64(value)),
    (bytes) => String(bytes.readBigInt64BE()),
    8,
  ),
  [ScalarType.Blob]: textual(blob, (bytes) => bytes.toString("base64")),
  [ScalarType.Boolean]: {
    encode: boolean,
    fromText: booleanFrom,
    text: (bytes) => String(bytes[0] !== 0),
    json: (bytes) => String(bytes[0] !== 0),
    width: 1,
  },
  [ScalarType.Date]: textual(
    (value) => {
      const bytes = Buffer.allocUnsafe(4);
      bytes.writeUInt32BE(daysSince1970(value) + DATE_EPOCH);
      return bytes;
    },
    (bytes) => dayText(bytes.readUInt32BE() - DATE_EPOCH),
  ),
  [ScalarType.Decimal]: numeric(
    (value) => decimalBytes(decimal(value)),
    (bytes) => decimalText({ scale: bytes.readInt32BE(), unscaled: varintOf(bytes.subarray(4)) }),
  ),
  [ScalarType.Double]: numeric(
    (value) => doubleBytes(double(value)),
    (bytes) => numberText(bytes.readDoubleBE()),
    8,
  ),
  [ScalarType.Duration]: textual((value) => durationBytes(parseDuration(value)), durationText),
  [ScalarType.Float]: numeric(
    (value) => floatBytes(float(value)),
    (bytes) => numberText(bytes.readFloatBE()),
    4,
  ),
  [ScalarType.Inet]: textual(addressBytes, addressText),
  [ScalarType.Int]: integer(32, int32Bytes, (bytes) => bytes.readInt32BE(), 4),
  [ScalarType.Smallint]: integer(16, int16Bytes, (bytes) => bytes.readInt16BE()),
  [ScalarType.Text]: textual(text, String),
  [ScalarType.Time]: textual(
    (value) => int64Bytes(timeOfDay(value)),
    (bytes) => timeText(Number(bytes.readBigInt64BE())),
  ),
  [ScalarType.Timestamp]: {
    ...textual(
      (value) => int64Bytes(instant(value).milliseconds),
      (bytes) => instantText(Number(bytes.readBigInt64BE())),
      8,
    ),
    fromText: (written) => int64Bytes(instant(/^-?\d{1,16}$/.test(written) ? Number(written) : written).milliseconds),
  },
  [ScalarType.Timeuuid]: textual((value) => uuid(value, "1"), uuidText, 16),
  [ScalarType.Tinyint]: integer(8, int8Bytes, (bytes) => bytes.readInt8()),
  [ScalarType.Uuid]: textual((value) => uuid(value), uuidText, 16),
  [ScalarType.Varint]: numeric(
    (value) => varintBytes(varint(value)),
    (bytes) => String(varintOf(bytes)),
  ),
};

/** Which digits of a number a value of the type needs. */
export function digitsOf(type: ScalarType): Digits {
  if (type === ScalarType.Decimal) return Digits.All;
  return type === ScalarType.Bigint || type === ScalarType.Varint ? Digits.Whole : Digits.Double;
}

/** What a value is, for a person: never the value itself. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date || value instanceof Instant || value instanceof Day) return "a date";
  if (Buffer.isBuffer(value)) return "bytes";
  if (isLosslessNumber(value) || typeof value === "bigint" || value instanceof NotFinite) return "a number";
  if (typeof value === "object") return "an object";
  return `a ${typeof value}`;
}
