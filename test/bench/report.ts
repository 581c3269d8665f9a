/** A ratio measured within one run, and what it must hold: a floor or a ceiling. */
export interface Ratio {
  value: number;
  floor?: number;
  ceiling?: number;
  holds: boolean;
}

/** What a benchmark found: ratios are judged, figures are only shown. */
export interface BenchReport {
  bench: string;
  ratios: { [name: string]: Ratio };
  figures: { [name: string]: number };
}

/** A benchmark. `log` goes to standard error: progress, and where a ratio misses, the profile that says why. */
export type Bench = (log: (line: string) => void, signal: AbortSignal) => Promise<Omit<BenchReport, "bench">>;

/** The middle of the values; of an even number, the mean of the two in the middle. Refuses an empty list. */
export function median(values: number[]): number {
  if (values.length === 0) throw new RangeError("median of no values: measure at least once");
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  return (upper + lower) / 2;
}

/** A ratio that must be at most `ceiling`. */
export function atMost(value: number, ceiling: number): Ratio {
  return { value: round(value), ceiling, holds: value <= ceiling };
}

/** A ratio that must be at least `floor`. */
export function atLeast(value: number, floor: number): Ratio {
  return { value: round(value), floor, holds: value >= floor };
}

/** Three decimals: more would only show the noise. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
