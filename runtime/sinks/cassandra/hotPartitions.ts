/** Rows that are looked back at, about. */
const WINDOW_ROWS = 10_000;
/** Partitions that are counted at once: the counts are too low by a 256th of the rows at most. */
const COUNTERS = 256;
/** A share says nothing before so many rows. */
const LEAST_ROWS = 1_000;

/** Shares at which a partition is hot, and at which none is any more. */
const HOT = { from: 0.3, until: 0.15 } as const;

/** The partition that most rows went to. */
export interface HottestPartition {
  /** Its key, as its rows have it. */
  partition: string;
  /** Its share of the rows, 0 to 1. */
  share: number;
}

/**
 * Which partition gets the most of the last rows, in bounded memory: the counts of Misra and Gries ("Finding repeated
 * elements", 1982), halved whenever the window is full.
 */
export class HotPartitions {
  private readonly counts = new Map<string, number>();
  private total = 0;
  private told = false;

  /** `becameHot` is told when a partition gets more than its share, and again only after all have been below it. */
  constructor(private readonly becameHot: (hottest: HottestPartition) => void = () => undefined) {}

  add(partition: string, rows: number): void {
    this.total += rows;
    const count = this.counts.get(partition);
    if (count !== undefined || this.counts.size < COUNTERS) this.counts.set(partition, (count ?? 0) + rows);
    else this.exchange(partition, rows);
    if (this.total < WINDOW_ROWS) return;
    this.tell();
    this.halve();
  }

  /** Undefined while there were too few rows to tell. */
  get hottest(): HottestPartition | undefined {
    if (this.total < LEAST_ROWS) return undefined;
    let hottest: HottestPartition | undefined;
    for (const [partition, count] of this.counts) {
      const share = count / this.total;
      if (hottest === undefined || share > hottest.share) hottest = { partition, share };
    }
    return hottest;
  }

  private tell(): void {
    const { hottest } = this;
    if (hottest === undefined || hottest.share < HOT.until) this.told = false;
    else if (hottest.share >= HOT.from && !this.told) {
      this.told = true;
      this.becameHot(hottest);
    }
  }

  /** All counters are taken: each pays for the newcomer, and those that cannot are given up. */
  private exchange(partition: string, rows: number): void {
    const least = Math.min(rows, ...this.counts.values());
    this.reduce((count) => count - least);
    if (rows > least) this.counts.set(partition, rows - least);
  }

  private halve(): void {
    this.total /= 2;
    this.reduce((count) => count / 2);
  }

  private reduce(less: (count: number) => number): void {
    for (const [partition, count] of this.counts) {
      const left = less(count);
      if (left < 1) this.counts.delete(partition);
      else this.counts.set(partition, left);
    }
  }
}
