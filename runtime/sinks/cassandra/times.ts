import { isLosslessNumber } from "lossless-json";
import { civilDate, DAY_MS, daysOf } from "./calendar.js";
import { WrongValue } from "./unfit.js";

/** A point in time as it was sent. */
export class Instant {
  constructor(
    /** Whole milliseconds since 1970, rounded down. */
    readonly milliseconds: number,
    /** Microseconds beyond them, 0 to 999. */
    readonly microseconds: number,
    /** True where the source says nothing finer than milliseconds. */
    readonly coarse: boolean,
  ) {}
}

/** A day as Avro sends it. */
export class Day {
  /** Whole days since 1970. */
  constructor(readonly days: number) {}
}

/** Largest distance from 1970 that a Date can hold, in milliseconds (ECMAScript). Its microseconds fit an int64. */
const DATE_LIMIT = 8.64e15;
/** Days since 1970 that CQL's date can hold, before and after. */
const DAYS = { min: -(2 ** 31), max: 2 ** 31 - 1 };

const DATE = String.raw`([+-]\d{6,7}|\d{4})-(\d\d)-(\d\d)`;
const INSTANT = new RegExp(String.raw`^${DATE}T(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)$`);
const DAY = new RegExp(`^${DATE}$`);
const TIME_OF_DAY = /^([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?$/;

const INSTANT_RULE = "must be an ISO 8601 time with its offset, 2026-01-31T23:59:59.123Z, or milliseconds since 1970";

function parseInstant(text: string): Instant | undefined {
  const found = INSTANT.exec(text);
  if (found === null) return undefined;
  const [, year, month, day, hours, minutes, seconds = "0", fraction = "", offset = "Z"] = found;
  const days = daysOf(Number(year), Number(month), Number(day));
  if (days === undefined || Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  let milliseconds = days * DAY_MS + (Number(hours) * 60 + Number(minutes)) * 60_000 + Number(seconds) * 1000;
  if (offset !== "Z") {
    const offsetMinutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(-2));
    if (offsetMinutes > 24 * 60) return undefined;
    milliseconds += (offset.startsWith("-") ? 1 : -1) * offsetMinutes * 60_000;
  }
  if (fraction.length <= 3)
    return new Instant(milliseconds + (fraction === "" ? 0 : Number(fraction.padEnd(3, "0"))), 0, true);
  const micros = Number(fraction.slice(0, 6).padEnd(6, "0"));
  return new Instant(milliseconds + Math.floor(micros / 1000), micros % 1000, false);
}

/** A point in time: ISO 8601 with an offset, whole milliseconds since 1970, a Date, or Avro's. */
export function instant(value: unknown): Instant {
  const found =
    typeof value === "string" ? parseInstant(value) : value instanceof Instant ? value : wholeMilliseconds(value);
  if (found === undefined || Math.abs(found.milliseconds) > DATE_LIMIT) throw new WrongValue(INSTANT_RULE);
  return found;
}

function wholeMilliseconds(value: unknown): Instant | undefined {
  const number = value instanceof Date ? value.getTime() : isLosslessNumber(value) ? Number(value.value) : value;
  if (typeof number !== "number" || !Number.isSafeInteger(number)) return undefined;
  return new Instant(number, 0, true);
}

/** ISO 8601 with milliseconds and Z; the years before 0 and after 9999 with a sign and six digits. */
export function instantText(milliseconds: number): string {
  const days = Math.floor(milliseconds / DAY_MS);
  return `${dayText(days)}T${new Date(milliseconds - days * DAY_MS).toISOString().slice(11)}`;
}

/**
 * The write timestamp of an event: microseconds since 1970. Where the source has nothing finer than milliseconds,
 * `spread`, 0 to 999, takes the place of the microseconds: of two events of one row in the same millisecond one
 * wins as a whole, whichever comes last, instead of each column being won by its larger value.
 */
export function writeTimestamp({ milliseconds, microseconds, coarse }: Instant, spread: () => number): bigint {
  const beyond = coarse ? spread() : microseconds;
  const micros = milliseconds * 1000 + beyond;
  // A product that is a safe integer is exact: every time from 1684 to 2255.
  return Number.isSafeInteger(micros) ? BigInt(micros) : BigInt(milliseconds) * 1000n + BigInt(beyond);
}

/** Days since 1970 of a date, `2026-01-31`; also from a Date, by UTC, and from Avro's. */
export function daysSince1970(value: unknown): number {
  if (value instanceof Day) return value.days;
  const [, year = "", month, day] = (typeof value === "string" ? DAY.exec(value) : null) ?? [];
  const written = year === "" ? undefined : daysOf(Number(year), Number(month), Number(day));
  const days = value instanceof Date ? Math.floor(value.getTime() / DAY_MS) : written;
  if (days === undefined || !(days >= DAYS.min && days <= DAYS.max)) throw new WrongValue("must be a date, 2026-01-31");
  return days;
}

/** A date as ISO 8601 writes it; the years before 0 and after 9999 with a sign and six or seven digits. */
export function dayText(days: number): string {
  const { year, month, day } = civilDate(days);
  const plain = year >= 0 && year <= 9999;
  const digits = plain ? String(year).padStart(4, "0") : String(Math.abs(year)).padStart(6, "0");
  const sign = plain ? "" : year < 0 ? "-" : "+";
  return `${sign}${digits}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
}

/** Nanoseconds since midnight of a time of day with up to nine digits of a second, `23:59:59.123456789`. */
export function timeOfDay(value: unknown): number {
  const found = typeof value === "string" ? TIME_OF_DAY.exec(value) : null;
  if (found === null) throw new WrongValue("must be a time of day, 23:59:59 or with up to nine digits of a second");
  const [, hours, minutes, seconds, fraction = ""] = found;
  const whole = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  return whole * 1e9 + Number(fraction.padEnd(9, "0"));
}

/** A time of day with as many digits of a second as it needs. */
export function timeText(nanoseconds: number): string {
  const seconds = Math.floor(nanoseconds / 1e9);
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const fraction = String(nanoseconds % 1e9)
    .padStart(9, "0")
    .replace(/0+$/, "");
  const text = clock.map((part) => String(part).padStart(2, "0")).join(":");
  return fraction === "" ? text : `${text}.${fraction}`;
}
