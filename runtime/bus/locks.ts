import { type Clock, within } from "../support/clock.js";
import { Bag, type Bagged } from "./bag.js";
import type { Stoppable, StopWatcher } from "./stopOfAll.js";

/** Why a piece of work must stop: the reason of its abort signal. */
export const StopReason = {
  /** The lock of the message or session is lost: settle nothing. */
  LockLost: "LockLost",
  /** The pipeline's `maxProcessingSeconds` is over; the lock still holds for a moment. */
  TimeLimit: "TimeLimit",
  /** The process ends. */
  Stopping: "Stopping",
} as const;
export type StopReason = (typeof StopReason)[keyof typeof StopReason];

/** A lock as the broker granted it. */
export interface Grant {
  /** When it ends by the broker's clock, in milliseconds since 1970; undefined where the broker did not say. */
  lockedUntil: number | undefined;
  /** Renews it at the broker by its own token. An answer that comes too late is no answer. */
  renew(): Promise<unknown>;
  /**
   * A session's: giving it back costs no delivery, and it is renewed until it is released, also when its work was told to
   * stop. Another holder must not begin with the session while a sink has not let go of it.
   */
  ofSession?: boolean;
}

/** What the keeper tells. */
export interface LockEvents {
  renewed(): void;
  renewalFailed(error: unknown): void;
}

/** Times of the entity and the pipeline, in milliseconds. */
export interface LockTimes {
  /** The entity's lock duration. */
  lockMilliseconds: number;
  /** How long a lock is renewed for. */
  maxProcessingMilliseconds: number;
}

/** A lock whose remaining time is below this share of its duration is renewed before work starts under it. */
const NEARLY_OVER = 0.1;
/**
 * A renewal may take this share of what remains, and no less than so many milliseconds: an answer that went down with its
 * link never comes, and the client waits for it until the lock is long over.
 */
const RENEWAL = { share: 0.5, leastMilliseconds: 1_000 };
/** Least wait before a lock that is nearly over is renewed again, in milliseconds. */
const AGAIN_MILLISECONDS = 50;
/** The keeper looks at its locks so often within one lock duration. */
const LOOKS_PER_LOCK = 20;

/** One lock that is being kept. `stop` fires with a StopReason. */
export class HeldLock implements Bagged, Stoppable {
  place: number | undefined = undefined;
  private controller: AbortController | undefined;
  private reason: StopReason | undefined;
  private expiresAt: number;
  private renewAt: number;
  private renewUntil: number;
  private renewing = false;
  private lost = false;
  readonly heldSince: number;

  constructor(
    private readonly grant: Grant,
    private readonly times: LockTimes,
    private readonly clock: Clock,
    private readonly events: LockEvents,
    private readonly isLost: (error: unknown) => boolean,
    now: number,
  ) {
    this.heldSince = now;
    this.expiresAt = Math.min(grant.lockedUntil ?? Number.POSITIVE_INFINITY, now + times.lockMilliseconds);
    this.renewAt = now + (this.expiresAt - now) / 2;
    this.renewUntil = now + times.maxProcessingMilliseconds;
  }

  /** Called once when the work must stop, before the signal fires. */
  onStop: (() => void) | undefined;

  watcher: StopWatcher | undefined = undefined;

  /** Fires when the work under this lock must stop; its reason is a StopReason. Made when first asked for. */
  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.reason !== undefined && !this.controller.signal.aborted) this.controller.abort(this.reason);
    return this.controller.signal;
  }

  /** Why the work must stop; undefined while it may go on. */
  get stopped(): StopReason | undefined {
    return this.reason;
  }

  /** True while the broker still honours the lock, as far as this clock can tell. A lock once lost stays lost. */
  get holds(): boolean {
    return !this.lost && this.clock.now() < this.expiresAt;
  }

  /** Stops the work under this lock. The first reason stays. */
  stop(reason: StopReason): void {
    if (reason === StopReason.LockLost) this.lost = true;
    if (this.reason !== undefined) return;
    this.reason = reason;
    this.onStop?.();
    this.watcher?.workStopped(reason);
    this.controller?.abort(reason);
  }

  /** Giving it back costs no delivery: it is a session's. */
  get ofSession(): boolean {
    return this.grant.ofSession === true;
  }

  /** No time limit until `restartLimit`: the lock is kept while the work waits for something outside of it. */
  suspendLimit(): void {
    this.renewUntil = Number.POSITIVE_INFINITY;
  }

  /** Another time limit, counted from now, until `restartLimit`. In milliseconds. */
  limitTo(milliseconds: number): void {
    this.renewUntil = this.clock.now() + milliseconds;
  }

  /** Starts the time limit anew: the next message of a session begins. */
  restartLimit(): void {
    this.renewUntil = this.clock.now() + this.times.maxProcessingMilliseconds;
  }

  /** True where enough of the lock is left at `now` to start under it; where not, `fresh` sees to it. */
  isAmple(now: number): boolean {
    return !this.lost && this.expiresAt - now >= this.times.lockMilliseconds * NEARLY_OVER;
  }

  /**
   * Makes sure that enough of the lock is left to start under it, as long as it holds. False where it is lost. What is
   * over by this clock is renewed once as well: the broker's clock may be another.
   */
  async fresh(): Promise<boolean> {
    while (!this.isAmple(this.clock.now())) {
      await this.renew();
      if (!this.holds) break;
      if (!this.isAmple(this.clock.now())) await this.wait((this.expiresAt - this.clock.now()) / 4);
    }
    if (!this.holds) this.stop(StopReason.LockLost);
    return this.holds;
  }

  private wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void this.clock.after(Math.max(AGAIN_MILLISECONDS, milliseconds), resolve));
  }

  /** Looks at the time: renews at half of what remains, and says when the limit or the lock is over. */
  look(): void {
    const now = this.clock.now();
    if (this.lost) return;
    if (now >= this.expiresAt) {
      this.stop(StopReason.LockLost);
      return;
    }
    const over = now >= this.renewUntil;
    if (over) this.stop(StopReason.TimeLimit);
    if ((!over || this.ofSession) && now >= this.renewAt && !this.renewing) void this.renew();
  }

  private async renew(): Promise<void> {
    this.renewing = true;
    // The broker counts from when it gets the request, which is not before it was sent: no two clocks are compared.
    const sentAt = this.clock.now();
    const limit = Math.max(RENEWAL.leastMilliseconds, (this.expiresAt - sentAt) * RENEWAL.share);
    try {
      await within(this.clock, limit, this.grant.renew(), `no answer to a renewal within ${Math.round(limit)} ms`);
      this.expiresAt = sentAt + this.times.lockMilliseconds;
      this.renewAt = sentAt + this.times.lockMilliseconds / 2;
      this.events.renewed();
    } catch (error) {
      this.events.renewalFailed(error);
      if (this.isLost(error)) this.stop(StopReason.LockLost);
      this.renewAt = sentAt + Math.max(0, this.expiresAt - sentAt) / 2;
    } finally {
      this.renewing = false;
    }
  }
}

/**
 * Keeps locks: renews each by its own token at half of what remains, as long as the pipeline allows.
 * One timer looks at all of them: a timer a message would cost more than most messages do.
 */
export class LockKeeper {
  private readonly held = new Bag<HeldLock>();
  private callOff: (() => void) | undefined;

  constructor(
    private readonly times: LockTimes,
    private readonly clock: Clock,
    private readonly events: LockEvents,
    /** True for the client's error that says that the broker no longer knows the lock. */
    private readonly isLost: (error: unknown) => boolean,
  ) {}

  /** Takes a lock into keeping until `release`; `now` by the clock. */
  hold(grant: Grant, now = this.clock.now()): HeldLock {
    const lock = new HeldLock(grant, this.times, this.clock, this.events, this.isLost, now);
    this.held.add(lock);
    this.callOff ??= this.clock.after(this.interval, () => this.tick());
    return lock;
  }

  release(lock: HeldLock): void {
    this.held.delete(lock);
  }

  /** Stops the work under every lock that is held. */
  stopAll(reason: StopReason): void {
    for (const lock of this.held) lock.stop(reason);
  }

  get size(): number {
    return this.held.size;
  }

  /** Lets go of every lock: nothing is renewed any more. */
  end(): void {
    this.callOff?.();
    this.callOff = undefined;
    for (const lock of this.held) this.held.delete(lock);
  }

  private get interval(): number {
    return Math.min(1_000, this.times.lockMilliseconds / LOOKS_PER_LOCK);
  }

  private tick(): void {
    for (const lock of this.held) lock.look();
    this.callOff = this.held.size === 0 ? undefined : this.clock.after(this.interval, () => this.tick());
  }
}
