import { type Backoff, backoffMilliseconds } from "./backoff.js";
import { type Clock, pause, within } from "./clock.js";

/** What the gate asks and tells. */
export interface StoreGateOptions {
  /** Throws where the store is not usable. */
  probe(): Promise<void>;
  /** Told when the store is found down (with the reason) and when it is back. */
  changed(up: boolean, reason: string): void;
  backoff: Backoff;
  clock: Clock;
  random(): number;
}

/** A probe that takes longer than this found the store unusable, in milliseconds. */
const PROBE_MILLISECONDS = 10_000;

/**
 * Shut while the store is down. The first attempt that finds the store unavailable shuts it; a probe opens it.
 * Meanwhile no attempt is begun and no message is taken, so that an outage costs no attempts and no deliveries.
 */
export class StoreGate {
  private waiting: (() => void)[] = [];
  private shut = false;
  private readonly end = new AbortController();

  constructor(private readonly options: StoreGateOptions) {}

  get open(): boolean {
    return !this.shut;
  }

  /** Shuts the gate until a probe succeeds. */
  suspect(reason: string): void {
    if (this.shut || this.end.signal.aborted) return;
    this.shut = true;
    void this.probeUntilUp(reason);
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
    const { clock, backoff, random } = this.options;
    for (let failures = 0; !this.end.signal.aborted; failures++) {
      try {
        await within(clock, PROBE_MILLISECONDS, this.options.probe(), "the probe of the store took too long");
        break;
      } catch (error) {
        if (failures === 0) this.options.changed(false, `${reason}; ${messageOf(error)}`);
        await pause(clock, backoffMilliseconds(backoff, failures + 1, random), this.end.signal);
      }
    }
    this.shut = false;
    this.options.changed(true, "the store answers");
    for (const waiter of this.waiting.splice(0)) waiter();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
