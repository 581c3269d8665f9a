import { isUtf8 } from "node:buffer";
import { LosslessNumber, parse as parseLossless } from "lossless-json";

/**
 * What of a JSON text may hold digits that a JavaScript number does not keep: sixteen of them, an exponent, or a zero that
 * ends a fraction. Every other number is told from every other one by its double. It may find more than that, in strings too,
 * which costs time only.
 */
const DIGITS_AT_RISK = /[:,[]\s*-?(?:[\d.]{16}|[\d.]*[eE]|\d+\.\d*0(?![\d.]))/;

/** The JSON in some bytes of UTF-8; undefined where there is none. `exact` keeps the digits of all numbers. */
export function parseJsonBytes(bytes: Buffer, exact: boolean): unknown {
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString("utf8");
  return exact && DIGITS_AT_RISK.test(text) ? parseExact(text) : parsePlain(text);
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
