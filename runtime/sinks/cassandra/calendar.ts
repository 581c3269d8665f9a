import { TimeBucket } from "../../contract/index.js";

/** Milliseconds of a day. UTC has no other days. */
export const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const DAYS_OF_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** Days of 400 years, after which the Gregorian calendar is as it was. */
const ERA_DAYS = 146_097;
/** Days from the first of March of the year 0 to 1970. */
const TO_1970 = 719_468;

/** A day of the Gregorian calendar, in years before its beginning too. */
export interface CivilDate {
  year: number;
  /** 1 to 12. */
  month: number;
  /** 1 to 31. */
  day: number;
}

/**
 * Days since 1970 of a day; undefined where the month has no such day. Years begin in March here, so that the day that
 * comes and goes is the last one.
 */
export function daysOf(year: number, month: number, day: number): number | undefined {
  if (!(day >= 1 && day <= (DAYS_OF_MONTH[month - 1] ?? 0))) return undefined;
  if (month === 2 && day === 29 && !isLeap(year)) return undefined;
  const march = month > 2 ? year : year - 1;
  const era = Math.floor(march / 400);
  const ofEra = march - era * 400;
  const ofYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return era * ERA_DAYS + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - TO_1970;
}

/** The day so many days after 1970 began. */
export function civilDate(days: number): CivilDate {
  const shifted = days + TO_1970;
  const era = Math.floor(shifted / ERA_DAYS);
  const ofEra = shifted - era * ERA_DAYS;
  const year = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const march = Math.floor((5 * ofYear + 2) / 153);
  const month = march < 10 ? march + 3 : march - 9;
  return {
    year: year + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: ofYear - Math.floor((153 * march + 2) / 5) + 1,
  };
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** When the bucket of a time begins, in milliseconds since 1970, UTC. Weeks begin on Mondays. */
export function bucketStart(bucket: TimeBucket, milliseconds: number): number {
  if (bucket === TimeBucket.Hour) return Math.floor(milliseconds / HOUR_MS) * HOUR_MS;
  const days = Math.floor(milliseconds / DAY_MS);
  switch (bucket) {
    case TimeBucket.Day:
      return days * DAY_MS;
    case TimeBucket.Week:
      // 1970 began on a Thursday, three days after a Monday.
      return (Math.floor((days + 3) / 7) * 7 - 3) * DAY_MS;
    case TimeBucket.Month:
      return (days + 1 - civilDate(days).day) * DAY_MS;
  }
}
