import { isIP } from "node:net";
import { types } from "cassandra-driver";
import { isLosslessNumber } from "lossless-json";
import { ScalarType } from "../../contract/index.js";
import { double, float, int64, plainDecimal, smallInteger, varint } from "./numbers.js";
import { daysSince1970, instant, timeOfDay } from "./times.js";
import { WrongValue } from "./unfit.js";

/** A value as the driver writes it. */
export type Cell =
  | string
  | number
  | bigint
  | boolean
  | Buffer
  | types.BigDecimal
  | types.Duration
  | types.InetAddress
  | types.LocalDate
  | types.LocalTime
  | types.Uuid;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function text(value: unknown): string {
  // A lone surrogate has no UTF-8 form and would be stored as another character.
  if (typeof value !== "string" || /\p{Surrogate}/u.test(value))
    throw new WrongValue("must be a string of valid Unicode");
  return value;
}

function ascii(value: unknown): string {
  if (typeof value !== "string" || !/^\p{ASCII}*$/u.test(value)) throw new WrongValue("must be a string of ASCII");
  return value;
}

function boolean(value: unknown): boolean {
  if (typeof value !== "boolean") throw new WrongValue("must be true or false");
  return value;
}

function blob(value: unknown): Buffer {
  const bytes = typeof value === "string" && BASE64.test(value) ? Buffer.from(value, "base64") : undefined;
  // Bits that the last character has to spare must be zero: otherwise two texts would mean the same bytes.
  if (bytes === undefined || bytes.toString("base64") !== value)
    throw new WrongValue("must be a string in base64 with its padding");
  return bytes;
}

function inet(value: unknown): types.InetAddress {
  if (typeof value === "string" && isIP(value) !== 0) {
    try {
      return types.InetAddress.fromString(value);
    } catch {
      // Text forms that the system reads and the driver does not: a zone, an embedded IPv4 address that is not mapped.
    }
  }
  throw new WrongValue("must be an IPv4 or IPv6 address without a zone");
}

function uuid(value: unknown, version?: string): types.Uuid {
  const found = typeof value === "string" ? UUID.exec(value) : null;
  if (found === null || (version !== undefined && found[1] !== version))
    throw new WrongValue(version === undefined ? "must be a UUID" : `must be a UUID of version ${version}`);
  return types.Uuid.fromString(found[0]);
}

/** How a value becomes a cell of each type. Each throws WrongValue with the rule that the value breaks. */
export const cellOf: Record<ScalarType, (value: unknown) => Cell> = {
  [ScalarType.Ascii]: ascii,
  [ScalarType.Bigint]: int64,
  [ScalarType.Blob]: blob,
  [ScalarType.Boolean]: boolean,
  [ScalarType.Date]: (value) => types.LocalDate.fromString(String(daysSince1970(value))),
  [ScalarType.Decimal]: (value) => types.BigDecimal.fromString(plainDecimal(value)),
  [ScalarType.Double]: double,
  [ScalarType.Duration]: (value) => types.Duration.fromString(text(value)),
  [ScalarType.Float]: float,
  [ScalarType.Inet]: inet,
  [ScalarType.Int]: (value) => smallInteger(value, -(2 ** 31), 2 ** 31 - 1),
  [ScalarType.Smallint]: (value) => smallInteger(value, -(2 ** 15), 2 ** 15 - 1),
  [ScalarType.Text]: text,
  [ScalarType.Time]: (value) => types.LocalTime.fromString(timeOfDay(value)),
  [ScalarType.Timestamp]: (value) => instant(value).milliseconds,
  [ScalarType.Timeuuid]: (value) => uuid(value, "1"),
  [ScalarType.Tinyint]: (value) => smallInteger(value, -128, 127),
  [ScalarType.Uuid]: (value) => uuid(value),
  [ScalarType.Varint]: varint,
};

/** Column types whose JSON number must be read with all of its digits. */
export const EXACT_TYPES: readonly ScalarType[] = [ScalarType.Bigint, ScalarType.Decimal, ScalarType.Varint];

/**
 * A cell in the one text form that partition keys are compared in: numbers in plain digits, UUIDs in lower case,
 * timestamps as ISO 8601 with milliseconds and Z, blobs in base64, addresses as the driver writes them.
 */
export function textOf(type: ScalarType, cell: Cell): string {
  if (type === ScalarType.Timestamp && typeof cell === "number") return new Date(cell).toISOString();
  return Buffer.isBuffer(cell) ? cell.toString("base64") : String(cell);
}

/** About how many bytes a cell takes in a request. */
export function sizeOf(cell: Cell): number {
  if (typeof cell === "string") return Buffer.byteLength(cell) + 4;
  return (Buffer.isBuffer(cell) ? cell.length : 16) + 4;
}

/** What a value is, for a person: never the value itself. */
export function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  if (isLosslessNumber(value)) return "a number";
  if (typeof value === "object") return "an object";
  return `a ${typeof value}`;
}
