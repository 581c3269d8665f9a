import { readSignedVint, signedVintBytes } from "./bytes.js";
import { WrongValue } from "./unfit.js";

/** A length of time as CQL has it: a month is no number of days, and a day no number of hours. All of one sign. */
export interface CqlDuration {
  months: bigint;
  days: bigint;
  nanoseconds: bigint;
}

const INT32_MAX = 2n ** 31n - 1n;
const INT64_MAX = 2n ** 63n - 1n;
const RULE = "must be a duration, 1mo2d3h4m5s6ms7us8ns or P1M2DT3H4M5S, within the range of CQL's";

/** Units of CQL's own form in their order: what each counts, and how many of it. */
const UNITS: readonly (readonly [unit: string, part: keyof CqlDuration, factor: bigint])[] = [
  ["y", "months", 12n],
  ["mo", "months", 1n],
  ["w", "days", 7n],
  ["d", "days", 1n],
  ["h", "nanoseconds", 3_600_000_000_000n],
  ["m", "nanoseconds", 60_000_000_000n],
  ["s", "nanoseconds", 1_000_000_000n],
  ["ms", "nanoseconds", 1_000_000n],
  ["us|µs|μs", "nanoseconds", 1_000n],
  ["ns", "nanoseconds", 1n],
];
const DIGITS = String.raw`(\d{1,19})`;
const CQL = new RegExp(`^(-?)${UNITS.map(([unit]) => `(?:${DIGITS}(?:${unit}))?`).join("")}$`, "i");
const ISO = new RegExp(
  `^(-?)P(?!$)(?:${DIGITS}Y)?(?:${DIGITS}M)?(?:${DIGITS}W)?(?:${DIGITS}D)?` +
    String.raw`(?:T(?=\d)(?:${DIGITS}H)?(?:${DIGITS}M)?(?:${DIGITS}(?:[.,](\d{1,9}))?S)?)?$`,
);

/** Reads CQL's form, `1mo2d3h`, and ISO 8601's, `P1M2DT3H4.5S`; either may be negative as a whole. */
export function parseDuration(value: unknown): CqlDuration {
  const text = typeof value === "string" && value.length <= 250 ? value : "";
  const iso = ISO.exec(text);
  const found = iso ?? CQL.exec(text);
  const [, sign = "", ...counts] = found ?? [];
  if (found === null || counts.every((count) => count === undefined)) throw new WrongValue(RULE);
  // ISO's eighth part is a fraction of the seventh, CQL's three last ones are counts of their own.
  const fraction = iso === null ? "" : (counts[7] ?? "").padEnd(9, "0");
  const total = { months: 0n, days: 0n, nanoseconds: fraction === "" ? 0n : BigInt(fraction) };
  for (const [i, [, part, factor]] of UNITS.slice(0, iso === null ? UNITS.length : 7).entries())
    total[part] += BigInt(counts[i] ?? 0) * factor;
  const { months, days, nanoseconds } = total;
  if (months > INT32_MAX || days > INT32_MAX || nanoseconds > INT64_MAX) throw new WrongValue(RULE);
  return sign === "-" ? { months: -months, days: -days, nanoseconds: -nanoseconds } : total;
}

export function durationBytes({ months, days, nanoseconds }: CqlDuration): Buffer {
  return Buffer.concat([signedVintBytes(months), signedVintBytes(days), signedVintBytes(nanoseconds)]);
}

/** A duration in CQL's form, of three units: `1mo2d3ns`. */
export function durationText(bytes: Buffer): string {
  const months = readSignedVint(bytes, 0);
  const days = readSignedVint(bytes, months.next);
  const nanoseconds = readSignedVint(bytes, days.next);
  const parts = [months.value, days.value, nanoseconds.value];
  const sign = parts.some((part) => part < 0n) ? "-" : "";
  return sign + ["mo", "d", "ns"].map((unit, i) => `${String(parts[i]).replace("-", "")}${unit}`).join("");
}
