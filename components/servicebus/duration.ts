const DAY = 86_400;
const HOUR = 3_600;
const MINUTE = 60;

/**
 * Whole seconds as the ISO 8601 duration that Azure itself writes: `300` is `PT5M`, `90061` is `P1DT1H1M1S`.
 * The same text comes back on a refresh, so that it shows no difference.
 */
export function iso8601(seconds: number): string {
  const days = Math.floor(seconds / DAY);
  const hours = Math.floor((seconds % DAY) / HOUR);
  const minutes = Math.floor((seconds % HOUR) / MINUTE);
  const rest = seconds % MINUTE;
  const time = `${hours ? `${hours}H` : ""}${minutes ? `${minutes}M` : ""}${rest ? `${rest}S` : ""}`;
  if (days === 0 && time === "") return "PT0S";
  return `P${days ? `${days}D` : ""}${time === "" ? "" : `T${time}`}`;
}
