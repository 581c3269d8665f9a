/** How long to wait between attempts, in milliseconds. */
export interface Backoff {
  baseMilliseconds: number;
  maxMilliseconds: number;
}

/** Between attempts at what the bus refuses: rights that are on their way take minutes. */
export const REFUSED: Backoff = { baseMilliseconds: 1_000, maxMilliseconds: 30_000 };

/**
 * Wait after the n-th failure in a row (from 1): a random share of a limit that doubles each time (full jitter:
 * a crowd that failed together does not come back together), never less than `atLeast`.
 * `random` gives numbers from 0 to 1.
 */
export function backoffMilliseconds(backoff: Backoff, failures: number, random: () => number, atLeast = 0): number {
  const limit = Math.min(backoff.maxMilliseconds, backoff.baseMilliseconds * 2 ** (failures - 1));
  return Math.max(atLeast, Math.round(random() * limit));
}
