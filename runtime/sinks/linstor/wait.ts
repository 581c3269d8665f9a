import { setTimeout as sleep } from "node:timers/promises";
import { Interrupted, NotReady } from "./errors.js";

/** How long and how often the state of a volume is asked for. */
export interface Patience {
  readyTimeoutMs: number;
  pollMs: number;
}

/**
 * Asks until `look` gives a value. `look` says what it still waits for otherwise. Throws NotReady with those words
 * when the time is over, Interrupted when `signal` fires.
 */
export async function waitFor<T>(
  { readyTimeoutMs, pollMs }: Patience,
  signal: AbortSignal,
  look: () => Promise<{ value: T } | { waitsFor: string }>,
): Promise<T> {
  const deadline = performance.now() + readyTimeoutMs;
  for (;;) {
    const seen = await look();
    if ("value" in seen) return seen.value;
    if (performance.now() + pollMs > deadline)
      throw new NotReady(`Not ready within ${readyTimeoutMs / 1000} s: ${seen.waitsFor}`);
    try {
      await sleep(pollMs, undefined, { signal });
    } catch (error) {
      throw new Interrupted({ cause: error });
    }
  }
}
