import type { Clock } from "../support/clock.js";
import type { Logger, WorkerMetrics } from "../telemetry/index.js";

/** What a lock is held against. */
export interface LockWatchOptions {
  /** The entity's lock duration. */
  lockSeconds: number;
  /** The 99th percentile of processing as the pipeline states it; undefined where it does not. */
  slowSeconds?: number | undefined;
  metrics: Pick<WorkerMetrics, "lockDuration" | "lockShort">;
  logger: Logger;
  clock: Clock;
}

/** A window lasts at least so long, in milliseconds, and holds at least so many messages: fewer have no 99th percentile. */
const WINDOW_MILLISECONDS = 60_000;
const WINDOW_MESSAGES = 100;
/** The lock is short where more than this share of a window took longer, and long enough again below the second. */
const SHORT_SHARE = 0.01;
const LONG_SHARE = 0.005;

/**
 * Says whether the entity's lock is shorter than the slowest hundredth of the messages takes: such messages live on
 * renewals, and a store that stalls makes ghosts of them. By what the pipeline states at start, and by what is measured.
 */
export class LockWatch {
  private messages = 0;
  private over = 0;
  private began: number;
  private measuredShort = false;

  constructor(private readonly options: LockWatchOptions) {
    this.began = options.clock.now();
  }

  /** Sets the metrics, and warns where the pipeline itself says that the lock is short. */
  start(): void {
    const { lockSeconds, slowSeconds, metrics, logger } = this.options;
    metrics.lockDuration.set(lockSeconds);
    this.show();
    if (!this.statedShort) return;
    logger.warn(
      { lockDurationSeconds: lockSeconds, slowSeconds },
      "the entity's lock is shorter than delivery.slowSeconds: slow messages live on renewals; make the lock longer",
    );
  }

  /** A message was processed, from receipt to settlement. */
  processed(seconds: number): void {
    this.messages++;
    if (seconds > this.options.lockSeconds) this.over++;
    if (this.messages >= WINDOW_MESSAGES) this.look();
  }

  private look(): void {
    const { clock, logger, lockSeconds } = this.options;
    const now = clock.now();
    if (now - this.began < WINDOW_MILLISECONDS) return;
    const share = this.over / this.messages;
    const detail = { lockDurationSeconds: lockSeconds, messages: this.messages, longer: this.over };
    if (!this.measuredShort && share > SHORT_SHARE) {
      this.measuredShort = true;
      const words = "the entity's lock is shorter than the 99th percentile of processing: make the lock longer";
      logger.warn(detail, words);
    } else if (this.measuredShort && share < LONG_SHARE) {
      this.measuredShort = false;
      logger.info(detail, "the entity's lock is longer than the 99th percentile of processing again");
    }
    this.show();
    this.messages = 0;
    this.over = 0;
    this.began = now;
  }

  private get statedShort(): boolean {
    const { lockSeconds, slowSeconds } = this.options;
    return slowSeconds !== undefined && lockSeconds < slowSeconds;
  }

  private show(): void {
    this.options.metrics.lockShort.set(this.statedShort || this.measuredShort ? 1 : 0);
  }
}
