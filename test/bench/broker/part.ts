import type { Ratio } from "../report.js";

/** What every part of the benchmark is given. */
export interface PartContext {
  log(line: string): void;
  signal: AbortSignal;
  /** So many messages, times and entities, scaled down where the run is only tried out; at least 10. */
  scaled(count: number): number;
}

/** What a part found. */
export interface Part {
  ratios: { [name: string]: Ratio };
  figures: { [name: string]: number };
  /** For each ratio: measures again under a profiler, and says where the time or the memory went. */
  why: { [ratio: string]: () => Promise<string[]> };
}

/** Each ratio is the median of so many rounds. */
export const ROUNDS = 5;
/** Bytes of a message's body, where nothing else is said. */
export const KIBIBYTE = 1_024;
