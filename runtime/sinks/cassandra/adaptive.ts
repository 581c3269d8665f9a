import type { Clock } from "../../support/clock.js";

/** Where a limit begins, as a share of its maximum. */
const FIRST_SHARE = 0.25;
/** Above so many times the baseline the limit shrinks; up to the first of them it grows; in between it stays. */
const GROW_BELOW = 2;
const SHRINK_ABOVE = 3;
/** What one decision changes at most: by latency, and by an error that says overload. */
const LARGEST_CUT = 0.5;
const CUT_BY_ERROR = 0.5;
/**
 * Latencies below this, in milliseconds, are never a rise: a wait for the group commit, a pause of a collector and a turn
 * of the event loop add up to it on a ring that is well, and it is far from the two seconds after which a node gives up. A
 * lower figure keeps a ring that syncs each write, which takes more the more it has to do, at a few writes in flight.
 */
const SMALLEST_BASELINE = 50;
/** Time in which a baseline that is not met any more doubles, in milliseconds: so a ring that became slower for good is accepted. */
const BASELINE_DOUBLES = 60_000;
/** A decision is made from so many writes at least and at most, over so many milliseconds at least. */
const WINDOW = { least: 10, most: 100, milliseconds: 100 } as const;

/** The lowest latency of late for writes of one size. */
interface Baseline {
  latency: number;
  at: number;
}

/**
 * How many writes may be in flight, by what they take: a limit that grows by its root while the median latency stays near
 * the lowest of late, shrinks by the ratio of the two where it rises, and is halved by an error that says overload, once for
 * all writes that were in flight together. Latencies are compared with those of batches of about the same number of rows.
 *
 * After the gradient limit of Netflix's concurrency-limits (Gradient2Limit), with TCP's multiplicative decrease.
 */
export class AdaptiveLimit {
  private value: number;
  /** By the binary logarithm of the number of rows. */
  private readonly baselines = new Map<number, Baseline>();
  private ratios: number[] = [];
  private windowBegan: number;
  /** Most writes in flight in this window. */
  private peak = 0;
  private lastCut = Number.NEGATIVE_INFINITY;
  private flying = 0;

  /** `max` from 1; `smallestBaseline` in milliseconds. */
  constructor(
    private readonly max: number,
    private readonly clock: Pick<Clock, "now">,
    private readonly smallestBaseline = SMALLEST_BASELINE,
  ) {
    this.value = Math.max(1, max * FIRST_SHARE);
    this.windowBegan = clock.now();
  }

  /** Writes that may be in flight now: 1 to the maximum. */
  get limit(): number {
    return Math.floor(this.value);
  }

  /** Writes that are. */
  get inFlight(): number {
    return this.flying;
  }

  /** Takes a place where one is free. */
  tryEnter(): boolean {
    if (this.flying >= this.limit) return false;
    this.flying++;
    this.peak = Math.max(this.peak, this.flying);
    return true;
  }

  /** Gives the place back. To be called once for each that was taken. */
  leave(): void {
    this.flying--;
  }

  /** A write of so many rows that began at `began` was answered now. */
  answered(began: number, rows: number): void {
    const now = this.clock.now();
    const latency = Math.max(0, now - began);
    const size = Math.floor(Math.log2(Math.max(1, rows)));
    const known = this.baselines.get(size);
    const drifted = known === undefined ? latency : known.latency * (1 + (now - known.at) / BASELINE_DOUBLES);
    const baseline = Math.min(latency, drifted);
    this.baselines.set(size, { latency: baseline, at: now });
    this.ratios.push(latency / Math.max(baseline, this.smallestBaseline));
    const enough = Math.min(WINDOW.most, Math.max(WINDOW.least, this.limit));
    if (this.ratios.length >= enough && now - this.windowBegan >= WINDOW.milliseconds) this.decide(now);
  }

  /** A write that began at `began` failed as they do where there is too much of them. */
  overloaded(began: number): void {
    // What was in flight together fails together: it is one sign, not many.
    if (began < this.lastCut) return;
    this.value = Math.max(1, this.value * CUT_BY_ERROR);
    this.lastCut = this.clock.now();
    this.renew(this.lastCut);
  }

  private decide(now: number): void {
    const ratio = median(this.ratios);
    // Where the limit was not used up, latency says nothing about a higher one.
    if (ratio <= GROW_BELOW && this.peak >= this.limit) this.value += Math.max(1, Math.sqrt(this.value));
    else if (ratio > SHRINK_ABOVE) this.value *= Math.max(LARGEST_CUT, SHRINK_ABOVE / ratio);
    this.value = Math.min(this.max, Math.max(1, this.value));
    this.renew(now);
  }

  private renew(now: number): void {
    this.ratios = [];
    this.windowBegan = now;
    this.peak = this.flying;
  }
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
