import { type Clock, pause } from "../support/clock.js";

/** Runs `run` for each, at most `limit` at once, begun in order. Rejects with the first error once all that began ended. */
export async function forEachBounded<T>(items: readonly T[], limit: number, run: (item: T) => Promise<void>) {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const item = items[next++];
      if (item !== undefined) await run(item);
    }
  };
  const lanes = Array.from({ length: Math.min(limit, items.length) }, lane);
  const ends = await Promise.allSettled(lanes);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** Lets at most so many a second through, evenly spaced. */
export class Pacer {
  private nextAt = 0;

  /** @param perSecond 0 for no limit */
  constructor(
    private readonly perSecond: number,
    private readonly clock: Clock,
  ) {}

  /** Waits for its turn; `count` turns at once. Ends early when the signal fires. */
  async turn(signal: AbortSignal, count = 1): Promise<void> {
    if (this.perSecond === 0) return;
    const now = this.clock.now();
    const at = Math.max(now, this.nextAt);
    this.nextAt = at + (count * 1_000) / this.perSecond;
    if (at > now) await pause(this.clock, at - now, signal);
  }
}
