/** A length of time as text: a whole number and its unit, `30d`, `12h`, `5m`, `90s`. */
export type Duration = `${number}${DurationUnit}`;
type DurationUnit = "s" | "m" | "h" | "d";

/** Seconds of each unit. */
const UNIT_SECONDS: Record<DurationUnit, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const DURATION = /^(\d{1,12})([smhd])$/;

/** Seconds of a duration; undefined where the text is none. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = DURATION.exec(text) ?? [];
  if (count === undefined || !isUnit(unit)) return undefined;
  return Number(count) * UNIT_SECONDS[unit];
}

function isUnit(unit: string | undefined): unit is DurationUnit {
  return unit !== undefined && Object.hasOwn(UNIT_SECONDS, unit);
}

/** Seconds of a duration. Throws a RangeError where the text is none. */
export function durationSeconds(duration: string): number {
  const seconds = parseDuration(duration);
  if (seconds === undefined)
    throw new RangeError(`${duration} is no duration; give a whole number and s, m, h or d, such as 30d`);
  return seconds;
}
