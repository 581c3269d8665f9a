import type { Clock } from "./clock.js";
import type { Deadline, Deadlines } from "./deadlines.js";

/** When an entity was made, changed and used; milliseconds since 1970. */
export interface TimesRecord {
  readonly createdAt: number;
  readonly updatedAt: number;
  /** The last send, receive, settlement, peek or other operation; undefined before the first. */
  readonly accessedAt: number | undefined;
}

export interface TimesOptions {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** What is used whenever this one is: a subscription's topic, a dead-letter queue's queue. */
  readonly parent?: EntityTimes | undefined;
  /** Whether something holds on to the entity, so that it cannot be idle. */
  readonly busy: () => boolean;
  /** The entity was not used for its time. */
  readonly idle: () => void;
}

/** The life of one entity: its times, and the watch that ends it where it is not used. */
export class EntityTimes implements Deadline, TimesRecord {
  createdAt: number;
  updatedAt: number;
  accessedAt: number | undefined;
  deadlineAt = 0;
  deadlineSlot = -1;
  readonly #options: TimesOptions;
  #idleMs = Number.POSITIVE_INFINITY;

  constructor(options: TimesOptions) {
    this.#options = options;
    this.createdAt = options.clock.now();
    this.updatedAt = this.createdAt;
  }

  /** The entity was used now. */
  touch(now: number): void {
    this.accessedAt = now;
    this.#options.parent?.touch(now);
  }

  /** Takes up what was known of an entity that is brought back. */
  restore(times: TimesRecord): void {
    this.createdAt = times.createdAt;
    this.updatedAt = times.updatedAt;
    this.accessedAt = times.accessedAt;
    this.watch(this.#idleMs);
  }

  /** Ends the entity once it was idle for so many milliseconds; Infinity for never. */
  watch(idleMs: number): void {
    this.#idleMs = idleMs;
    if (idleMs === Number.POSITIVE_INFINITY) {
      this.stop();
    } else {
      this.#options.deadlines.set(this, this.#idleSince + idleMs);
    }
  }

  stop(): void {
    this.#options.deadlines.clear(this);
  }

  /** Looks whether the time is over, or began again meanwhile: use itself moves no timer. */
  due(now: number): void {
    if (this.#options.busy()) {
      this.touch(now);
    }
    if (this.#idleSince + this.#idleMs > now) {
      this.#options.deadlines.set(this, this.#idleSince + this.#idleMs);
    } else {
      this.#options.idle();
    }
  }

  get #idleSince(): number {
    return Math.max(this.updatedAt, this.accessedAt ?? 0);
  }
}
