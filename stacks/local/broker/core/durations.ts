/** Durations of this length and more mean for ever: Azure's own is P10675199DT2H48M5.4775807S. */
const FOREVER_SECONDS = 10_675_199 * 86_400;
/** How Azure writes a duration that never ends: the longest a .NET time span holds. */
const FOREVER = "P10675199DT2H48M5.4775807S";
const DURATION = /^P(?=.)(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/**
 * Seconds of an ISO 8601 duration of days, hours, minutes and seconds, as Azure writes them; Infinity for one that
 * means for ever, undefined for a text that is none.
 */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null) {
    return undefined;
  }
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0));
  const total = days * 86_400 + hours * 3_600 + minutes * 60 + seconds;
  return total >= FOREVER_SECONDS ? Number.POSITIVE_INFINITY : total;
}

/** An ISO 8601 duration of so many seconds, in whole milliseconds; Infinity as Azure writes it. */
export function formatDuration(seconds: number): string {
  if (seconds >= FOREVER_SECONDS) {
    return FOREVER;
  }
  const milliseconds = Math.round(seconds * 1_000);
  const part = (size: number, below: number, unit: string): string => {
    const count = Math.floor(milliseconds / size) % below;
    return count === 0 ? "" : `${count}${unit}`;
  };
  const days = part(86_400_000, Number.POSITIVE_INFINITY, "D");
  const rest = (milliseconds % 60_000) / 1_000;
  const time = `${part(3_600_000, 24, "H")}${part(60_000, 60, "M")}${rest === 0 ? "" : `${rest}S`}`;
  return days === "" && time === "" ? "PT0S" : `P${days}${time === "" ? "" : `T${time}`}`;
}
