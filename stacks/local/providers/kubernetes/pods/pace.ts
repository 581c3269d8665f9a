import { setTimeout as delay } from "node:timers/promises";

/** How fast time passes for what waits by itself. Limits (a probe's time-out, a grace period) are never shortened. */
export interface Pace {
  /** Milliseconds that a second of a spec lasts in delays, periods and back-off. 1,000 by default. */
  secondMs: number;
  /** First delay after a crash in seconds; each further one is twice as long. 10 by default, as the kubelet's. */
  backOffSeconds: number;
  /** Longest delay after a crash in seconds; 300 by default, as the kubelet's. */
  maxBackOffSeconds: number;
}

// kubelet: MaxContainerBackOff = 300 s and initial back-off 10 s, pkg/kubelet/kubelet.go.
export const KUBELET_PACE: Pace = { secondMs: 1_000, backOffSeconds: 10, maxBackOffSeconds: 300 };

/** Waits, and returns early once the signal is aborted. Holds no process open on its own account. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch {
    // Aborted: the caller looks at its signal.
  }
}

/**
 * The delay before a container is started again, as the kubelet has it: none after the first crash, then the first
 * delay, doubled up to the longest. A container that ran for twice the longest delay begins anew.
 */
export class BackOff {
  private current = 0;
  private changedAt = 0;

  constructor(private readonly pace: Pace) {}

  /**
   * Milliseconds to wait from the moment at which the container ended.
   * @param endedAt milliseconds on any clock that only goes forward
   */
  next(endedAt: number): number {
    const { secondMs, backOffSeconds, maxBackOffSeconds } = this.pace;
    if (this.current > 0 && endedAt - this.changedAt > 2 * maxBackOffSeconds * secondMs) this.current = 0;
    const wait = this.current * secondMs;
    this.current = this.current === 0 ? backOffSeconds : Math.min(this.current * 2, maxBackOffSeconds);
    this.changedAt = endedAt + wait;
    return wait;
  }
}
