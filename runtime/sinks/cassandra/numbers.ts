import { isLosslessNumber, type LosslessNumber } from "lossless-json";
import { WrongValue } from "./unfit.js";

/** A number of a JSON body, with all of its digits, or of an application property. */
export type JsonNumber = number | LosslessNumber;

/** Longest decimal or varint that is taken: digits, and zeros that its exponent stands for. */
export const DECIMAL_DIGITS = 1000;

/** A decimal number without rounding: unscaled × 10^-scale. */
interface Decimal {
  unscaled: bigint;
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
function wholeNumber(value: unknown, fromText: boolean): bigint | undefined {
  // A JavaScript number beyond 2^53 is already rounded: its digits are not the sender's.
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (fromText && typeof value === "string" && !/^-?\d+$/.test(value)) return undefined;
  const text = isLosslessNumber(value) ? value.value : fromText && typeof value === "string" ? value : "";
  const decimal = parseDecimal(text);
  if (decimal === undefined) return undefined;
  const power = 10n ** BigInt(Math.abs(decimal.scale));
  if (decimal.scale <= 0) return decimal.unscaled * power;
  return decimal.unscaled % power === 0n ? decimal.unscaled / power : undefined;
}

/** A whole number of a small type, from a JSON number. */
export function smallInteger(value: unknown, min: number, max: number): number {
  const whole = wholeNumber(value, false);
  if (whole === undefined || whole < BigInt(min) || whole > BigInt(max))
    throw new WrongValue(`must be a whole number from ${min} to ${max}`);
  return Number(whole);
}

const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

/** An int64, from a JSON number with all its digits or from a string of digits. */
export function int64(value: unknown): bigint {
  const whole = wholeNumber(value, true);
  if (whole === undefined || whole < INT64.min || whole > INT64.max)
    throw new WrongValue(`must be a whole number from ${INT64.min} to ${INT64.max}, as a number or a string of digits`);
  return whole;
}

/** A whole number of any size up to DECIMAL_DIGITS digits, from a JSON number or a string of digits. */
export function varint(value: unknown): bigint {
  const whole = wholeNumber(value, true);
  if (whole === undefined)
    throw new WrongValue(`must be a whole number of at most ${DECIMAL_DIGITS} digits, as a number or a string`);
  return whole;
}

/** A decimal number in plain digits, without rounding, from a JSON number or a string. */
export function plainDecimal(value: unknown): string {
  const text = typeof value === "string" ? value : isLosslessNumber(value) ? value.value : undefined;
  const decimal = parseDecimal(typeof value === "number" ? String(value) : (text ?? ""));
  if (decimal === undefined)
    throw new WrongValue(`must be a decimal number of at most ${DECIMAL_DIGITS} digits, as a number or a string`);
  const { unscaled, scale } = decimal;
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString();
  const sign = unscaled < 0n ? "-" : "";
  if (scale <= 0) return sign + digits + "0".repeat(unscaled === 0n ? 0 : -scale);
  const padded = digits.padStart(scale + 1, "0");
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}

/** The nearest double, from a JSON number. */
export function double(value: unknown): number {
  const number = isLosslessNumber(value) ? Number(value.value) : value;
  if (typeof number !== "number" || !Number.isFinite(number))
    throw new WrongValue("must be a number within the range of a double");
  return number;
}

/** The nearest float, from a JSON number. */
export function float(value: unknown): number {
  const number = Math.fround(double(value));
  if (!Number.isFinite(number)) throw new WrongValue("must be a number within the range of a float");
  return number;
}
