import { isUtf8 } from "node:buffer";
import { LosslessNumber, parse as parseLossless } from "lossless-json";

/** Which digits of the numbers in a body must be kept beyond those of a double. */
export const Digits = {
  /** None: no column holds more. */
  Double: "double",
  /** Those of whole numbers beyond 2^53. What a fraction has that its double does not show is not seen. */
  Whole: "whole",
  /** All of them, and the zeros that end a fraction: a decimal keeps its scale. */
  All: "all",
} as const;
export type Digits = (typeof Digits)[keyof typeof Digits];

/**
 * What of a JSON text may be a number whose digits must be kept: sixteen of them or an exponent; of all digits a zero that ends a
 * fraction as well. Every other number is told from every other one by its double. It may find more than that, in strings too,
 * which costs time only: a parser that keeps digits takes four times as long.
 */
const AT_RISK: Record<Digits, RegExp | undefined> = {
  [Digits.Double]: undefined,
  [Digits.Whole]: /[:,[]\s*-?\d+(?:(?<=\d{16})|\.?\d*[eE])/,
  [Digits.All]: /[:,[]\s*-?(?:[\d.]{16}|[\d.]*[eE]|\d+\.\d*0(?![\d.]))/,
};

/** The JSON in some bytes of UTF-8; undefined where there is none. */
export function parseJsonBytes(bytes: Buffer, digits: Digits): unknown {
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString("utf8");
  return AT_RISK[digits]?.test(text) === true ? parseExact(text) : parsePlain(text);
}

function parsePlain(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Parses JSON with the digits of all numbers; undefined where it is none. */
export function parseExact(text: string): unknown {
  try {
    return parseLossless(text, null, {
      parseNumber: (digits) => new LosslessNumber(digits),
      // As JSON.parse does: the last one wins.
      onDuplicateKey: ({ newValue }) => newValue,
    });
  } catch {
    return undefined;
  }
}
