import { isLosslessNumber, type LosslessNumber } from "lossless-json";
import { WrongValue } from "./unfit.js";

/** A number of a body: with all of its digits where they matter, from Avro, or from an application property. */
export type ReadNumber = number | bigint | LosslessNumber;

/** Longest decimal or varint that is taken: digits, and zeros that its exponent stands for. */
export const DECIMAL_DIGITS = 1000;

/** A decimal number without rounding: unscaled × 10^-scale. */
export interface Decimal {
  unscaled: bigint;
  /** Digits behind the point. */
  scale: number;
}

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Reads a number's text exactly; undefined where it is none or is longer than DECIMAL_DIGITS. */
function parseDecimal(text: string): Decimal | undefined {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = NUMBER.exec(text) ?? [];
  const scale = fraction.length - Number(exponent);
  if (whole === "" || whole.length + fraction.length > DECIMAL_DIGITS || Math.abs(scale) > DECIMAL_DIGITS)
    return undefined;
  const digits = BigInt(whole + fraction);
  return { unscaled: sign === "-" ? -digits : digits, scale };
}

/** The whole number that a value stands for; undefined where it stands for none. `1.0` and `1e3` are whole. */
function wholeNumber(value: unknown, fromText: boolean): number | bigint | undefined {
  // A JavaScript number beyond 2^53 is already rounded: its digits are not the sender's.
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : undefined;
  if (typeof value === "bigint") return value;
  if (fromText && typeof value === "string" && !/^-?\d+$/.test(value)) return undefined;
  const text = isLosslessNumber(value) ? value.value : fromText && typeof value === "string" ? value : "";
  const decimal = parseDecimal(text);
  if (decimal === undefined) return undefined;
  const power = 10n ** BigInt(Math.abs(decimal.scale));
  if (decimal.scale <= 0) return decimal.unscaled * power;
  return decimal.unscaled % power === 0n ? decimal.unscaled / power : undefined;
}

/** A whole number of a small type, from a number. */
export function smallInteger(value: unknown, min: number, max: number): number {
  const whole = wholeNumber(value, false);
  if (whole === undefined || whole < min || whole > max)
    throw new WrongValue(`must be a whole number from ${min} to ${max}`);
  return Number(whole);
}

const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

/** An int64, from a number with all its digits or from a string of digits: a safe integer, or a bigint. */
export function int64(value: unknown): number | bigint {
  const whole = wholeNumber(value, true);
  if (whole === undefined || (typeof whole === "bigint" && (whole < INT64.min || whole > INT64.max)))
    throw new WrongValue(`must be a whole number from ${INT64.min} to ${INT64.max}, as a number or a string of digits`);
  return whole;
}

/** A whole number of any size up to DECIMAL_DIGITS digits, from a number or a string of digits. */
export function varint(value: unknown): bigint {
  const whole = wholeNumber(value, true);
  if (whole === undefined)
    throw new WrongValue(`must be a whole number of at most ${DECIMAL_DIGITS} digits, as a number or a string`);
  return BigInt(whole);
}

/** A decimal number without rounding, from a number or a string; never with less than no digit behind the point. */
export function decimal(value: unknown): Decimal {
  const text = isLosslessNumber(value) ? value.value : value;
  const readable = typeof text === "number" || typeof text === "bigint" || typeof text === "string";
  const found = readable ? parseDecimal(String(text)) : undefined;
  if (found === undefined)
    throw new WrongValue(`must be a decimal number of at most ${DECIMAL_DIGITS} digits, as a number or a string`);
  const { unscaled, scale } = found;
  return scale >= 0 ? found : { unscaled: unscaled * 10n ** BigInt(-scale), scale: 0 };
}

/** A decimal number in plain digits. */
export function decimalText({ unscaled, scale }: Decimal): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString();
  const sign = unscaled < 0n ? "-" : "";
  if (scale <= 0) return sign + digits + "0".repeat(unscaled === 0n ? 0 : -scale);
  const padded = digits.padStart(scale + 1, "0");
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}

/** JSON has no number for these: they come as text, as in the JSON form of protocol buffers. */
const NOT_FINITE: { readonly [text: string]: number } = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
};

/** A number of Avro that is none or without end. In JSON only a number that is too large becomes one. */
export class NotFinite {
  constructor(readonly value: number) {}
}

/** The nearest double, from a number, or from one of the texts NaN, Infinity, -Infinity. */
export function double(value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (value instanceof NotFinite) return value.value;
  const named = typeof value === "string" && Object.hasOwn(NOT_FINITE, value) ? NOT_FINITE[value] : undefined;
  if (named !== undefined) return named;
  const number = isLosslessNumber(value) ? Number(value.value) : typeof value === "bigint" ? Number(value) : Number.NaN;
  if (!Number.isFinite(number)) throw new WrongValue("must be a number within the range of a double");
  return number;
}

/** The float nearest to the double. */
export function float(value: unknown): number {
  const exact = double(value);
  const number = Math.fround(exact);
  if (Number.isFinite(exact) && !Number.isFinite(number))
    throw new WrongValue("must be a number within the range of a float");
  return number;
}
