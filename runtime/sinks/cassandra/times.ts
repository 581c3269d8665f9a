import { isLosslessNumber } from "lossless-json";
import { WrongValue } from "./unfit.js";

/** A point in time as it was sent. */
export interface Instant {
  /** Whole milliseconds since 1970, rounded down. */
  milliseconds: number;
  /** Microseconds beyond them, 0 to 999. */
  microseconds: number;
  /** True where the source says nothing finer than milliseconds. */
  coarse: boolean;
}

/** Largest distance from 1970 that a Date can hold, in milliseconds (ECMAScript). */
const DATE_LIMIT = 8.64e15;
/** Largest distance from 1970 in milliseconds whose microseconds fit an int64, with a millisecond to spare. */
const MICROSECOND_LIMIT = 9_223_372_036_854_774;

const DATE = String.raw`([+-]\d{6}|\d{4})-(\d\d)-(\d\d)`;
const INSTANT = new RegExp(String.raw`^${DATE}T(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)$`);
const DAY = new RegExp(`^${DATE}$`);
const TIME_OF_DAY = /^([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?$/;

const INSTANT_RULE = "must be an ISO 8601 time with its offset, 2026-01-31T23:59:59.123Z, or milliseconds since 1970";

/** Midnight UTC of a day that exists, in milliseconds since 1970. */
function midnight(year: string, month: string, day: string): number | undefined {
  const date = new Date(0);
  // Not Date.UTC, which takes the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // A day that the month does not have runs over into the next one.
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day) ? date.getTime() : undefined;
}

function parseInstant(text: string): Instant | undefined {
  const found = INSTANT.exec(text);
  if (found === null) return undefined;
  const [, year = "", month = "", day = "", hours = "", minutes = "", seconds = "0", fraction = "", offset = "Z"] =
    found;
  const date = midnight(year, month, day);
  if (date === undefined || Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const offsetMinutes = offset === "Z" ? 0 : Number(offset.slice(1, 3)) * 60 + Number(offset.slice(-2));
  if (offsetMinutes > 24 * 60) return undefined;
  const sign = offset.startsWith("-") ? -1 : 1;
  const micros = Number(fraction.slice(0, 6).padEnd(6, "0"));
  const milliseconds =
    date +
    (Number(hours) * 60 + Number(minutes) - sign * offsetMinutes) * 60_000 +
    Number(seconds) * 1000 +
    Math.floor(micros / 1000);
  return { milliseconds, microseconds: micros % 1000, coarse: fraction.length <= 3 };
}

/** A point in time: ISO 8601 with an offset, whole milliseconds since 1970, or a Date. */
export function instant(value: unknown): Instant {
  const found = typeof value === "string" ? parseInstant(value) : wholeMilliseconds(value);
  if (found === undefined || Math.abs(found.milliseconds) > DATE_LIMIT) throw new WrongValue(INSTANT_RULE);
  return found;
}

function wholeMilliseconds(value: unknown): Instant | undefined {
  const number = value instanceof Date ? value.getTime() : isLosslessNumber(value) ? Number(value.value) : value;
  if (typeof number !== "number" || !Number.isSafeInteger(number)) return undefined;
  return { milliseconds: number, microseconds: 0, coarse: true };
}

/**
 * The write timestamp of an event: microseconds since 1970. Where the source has nothing finer than milliseconds,
 * `spread`, 0 to 999, takes the place of the microseconds: of two events of one row in the same millisecond one
 * wins as a whole, whichever comes last, instead of each column being won by its larger value.
 */
export function writeTimestamp(time: Instant, spread: number): bigint {
  if (Math.abs(time.milliseconds) > MICROSECOND_LIMIT)
    throw new WrongValue("must lie between the years -290307 and 294246, whose microseconds fit 64 bits");
  return BigInt(time.milliseconds) * 1000n + BigInt(time.coarse ? spread : time.microseconds);
}

/** Days since 1970 of a date, `2026-01-31`; also from a Date, by UTC. */
export function daysSince1970(value: unknown): number {
  const [, year = "", month = "", day = ""] = (typeof value === "string" ? DAY.exec(value) : null) ?? [];
  const start = value instanceof Date ? value.getTime() : year === "" ? undefined : midnight(year, month, day);
  if (start === undefined || !(Math.abs(start) <= DATE_LIMIT)) throw new WrongValue("must be a date, 2026-01-31");
  return Math.floor(start / 86_400_000);
}

/** A time of day with up to nine digits of a second, `23:59:59.123456789`. */
export function timeOfDay(value: unknown): string {
  if (typeof value !== "string" || !TIME_OF_DAY.test(value))
    throw new WrongValue("must be a time of day, 23:59:59 or with up to nine digits of a second");
  return value;
}
