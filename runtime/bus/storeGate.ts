import { type Clock, pause, within } from "../support/clock.js";
import { type Backoff, backoffMilliseconds } from "./backoff.js";

/** What the gate asks and tells. */
export interface StoreGateOptions {
  /** Throws where the store is not usable. */
  probe(): Promise<void>;
  /** Told when the store is found down (with the reason), and when one that was found down is back. */
  changed(up: boolean, reason: string): void;
  /** Told each time that the gate shuts. */
  shut(): void;
  /** Told each time that the gate opens, also where the store was never found down. */
  opened(): void;
  backoff: Backoff;
  clock: Clock;
  random(): number;
}

/** A probe that takes longer than this found the store unusable, in milliseconds. */
const PROBE_MILLISECONDS = 10_000;
/** How long a store is left alone that passed its probe and failed again before it took anything, in milliseconds. */
export const RELAPSE: Backoff = { baseMilliseconds: 1_000, maxMilliseconds: 60_000 };

/**
 * Shut while the store is down. The first attempt that finds the store unavailable shuts it; a probe opens it.
 * Meanwhile no attempt is begun, so that an outage costs no attempts. A store that passes its probes and takes nothing
 * is left alone for longer each time, so that its attempts are not used up within seconds.
 */
export class StoreGate {
  private waiting: (() => void)[] = [];
  private shut = false;
  /** Times that a probe opened the gate since the store took something last. */
  private openings = 0;
  private readonly end = new AbortController();

  constructor(private readonly options: StoreGateOptions) {}

  get open(): boolean {
    return !this.shut;
  }

  /** Shuts the gate until a probe succeeds. */
  suspect(reason: string): void {
    if (this.shut || this.end.signal.aborted) return;
    this.shut = true;
    this.options.shut();
    void this.probeUntilUp(reason);
  }

  /** The store took something: the next doubt is a first one again. */
  succeeded(): void {
    this.openings = 0;
  }

  /** Waits until the gate is open; ends early when the signal fires. */
  whenOpen(signal: AbortSignal): Promise<void> {
    if (!this.shut || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        signal.removeEventListener("abort", end);
        this.waiting = this.waiting.filter((waiter) => waiter !== end);
        resolve();
      };
      this.waiting.push(end);
      signal.addEventListener("abort", end, { once: true });
    });
  }

  /** Ends the probing; waiters are let go by their own signals. */
  stop(): void {
    this.end.abort();
  }

  private async probeUntilUp(reason: string): Promise<void> {
    const { clock, changed, opened } = this.options;
    const { signal } = this.end;
    const relapsed = this.openings > 0;
    if (relapsed) {
      changed(false, `${reason}; it passes its probe, and takes nothing`);
      // No jitter: a share of the wait would be the very haste that this is against.
      await pause(
        clock,
        backoffMilliseconds(RELAPSE, this.openings, () => 1),
        signal,
      );
    }
    const failures = await this.failuresUntilUp(reason, relapsed);
    if (signal.aborted) return;
    this.openings++;
    this.shut = false;
    if (relapsed || failures > 0) changed(true, "the store answers");
    opened();
    for (const waiter of this.waiting.splice(0)) waiter();
  }

  /** Probes until one succeeds or the gate is stopped; gives the number of those that failed. */
  private async failuresUntilUp(reason: string, told: boolean): Promise<number> {
    const { clock, backoff, random, probe, changed } = this.options;
    let failures = 0;
    while (!this.end.signal.aborted) {
      try {
        await within(clock, PROBE_MILLISECONDS, probe(), "the probe of the store took too long");
        break;
      } catch (error) {
        if (this.end.signal.aborted) break;
        if (failures === 0 && !told) changed(false, `${reason}; ${messageOf(error)}`);
        failures++;
        await pause(clock, backoffMilliseconds(backoff, failures, random), this.end.signal);
      }
    }
    return failures;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
