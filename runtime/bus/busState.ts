import type { Clock } from "../support/clock.js";

/** Whether the worker is attached to its source entity: what `/readyz` tells and the watchdog counts from. */
export class BusState {
  private readonly links = new Map<object, boolean>();
  private downSince: number | undefined;
  private lastError = "not attached yet";

  constructor(
    private readonly clock: Clock,
    private readonly changed: (connected: boolean) => void,
  ) {
    this.downSince = clock.now();
    changed(false);
  }

  /** The link is attached, or an answer of the broker proved that it is reached. */
  up(link: object): void {
    this.links.set(link, true);
    this.update();
  }

  /** The link is not attached; `reason` undefined keeps what is known. */
  down(link: object, reason?: string): void {
    this.links.set(link, false);
    if (reason !== undefined) this.lastError = reason;
    this.update();
  }

  /** The link was closed on purpose: it no longer counts. */
  forget(link: object): void {
    this.links.delete(link);
    this.update();
  }

  /** True while at least one link is attached. */
  get connected(): boolean {
    return this.downSince === undefined;
  }

  /** For how long it has not been connected, in milliseconds; 0 while it is. */
  get downMilliseconds(): number {
    return this.downSince === undefined ? 0 : this.clock.now() - this.downSince;
  }

  /** The last error, for people. */
  get reason(): string {
    return this.connected ? "attached" : this.lastError;
  }

  private update(): void {
    const connected = [...this.links.values()].some((up) => up);
    if (connected === this.connected) return;
    this.downSince = connected ? undefined : this.clock.now();
    this.changed(connected);
  }
}
