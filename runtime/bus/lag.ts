import type { Gauge } from "prom-client";
import { type Clock, pause } from "../support/clock.js";
import type { Logger, WorkerMetrics } from "../telemetry/index.js";
import type { EntityCounts } from "./counts.js";
import { errorCode, errorText } from "./errors.js";
import type { Peeker } from "./peeker.js";

/** What is observed of the entity, and how. */
export interface LagOptions {
  waiting: Pick<Peeker, "peekOldest">;
  deadLetters: Pick<Peeker, "peekOldest">;
  /** Whether the worker is attached to the entity: one that it cannot reach, or that refuses it, is not asked besides. */
  connected(): boolean;
  /** Asks for the exact counts; absent where the pipeline does not observe. */
  counts?: (() => Promise<EntityCounts>) | undefined;
  metrics: Pick<WorkerMetrics, "queueOldestAge" | "deadLetterOldestAge" | "queueMessages">;
  logger: Logger;
  clock: Clock;
  /** Numbers from 0 to 1: replicas that start together look at different times. */
  random(): number;
}

/** Between two looks, in milliseconds: two small requests each. */
const LOOK_MILLISECONDS = 15_000;
/** Between two looks at whether the worker is attached, in milliseconds. */
const WAIT_MILLISECONDS = 1_000;
/** Between two requests for the counts, in milliseconds: administration is throttled by the namespace. */
const COUNT_MILLISECONDS = 30_000;

/**
 * Observes how far the worker is behind: the age of the oldest message and of the oldest dead letter by peeking, and the
 * exact counts where the pipeline observes. What could not be found out is absent from the metrics, not 0, and one line
 * says why when that begins.
 */
export class LagObserver {
  private readonly end = new AbortController();
  private readonly failing = new Set<string>();

  constructor(private readonly options: LagOptions) {}

  start(): void {
    const { waiting, deadLetters, counts, metrics } = this.options;
    void this.every(LOOK_MILLISECONDS, async () => {
      await this.attached(() => {
        metrics.queueOldestAge.remove();
        metrics.deadLetterOldestAge.remove();
      });
      if (this.end.signal.aborted) return;
      await this.age("the oldest message", waiting, () => metrics.queueOldestAge);
      await this.age("the oldest dead letter", deadLetters, () => metrics.deadLetterOldestAge);
    });
    if (counts !== undefined) void this.every(COUNT_MILLISECONDS, () => this.count(counts));
  }

  /** Begins no further look. */
  stop(): void {
    this.end.abort();
  }

  /** Waits until the worker is attached; where it is not, what was known before is told to be unknown. */
  private async attached(unknown: () => void): Promise<void> {
    const { connected, clock } = this.options;
    if (connected()) return;
    unknown();
    while (!connected() && !this.end.signal.aborted) await pause(clock, WAIT_MILLISECONDS, this.end.signal);
  }

  private async every(milliseconds: number, look: () => Promise<void>): Promise<void> {
    const { clock, random } = this.options;
    const { signal } = this.end;
    while (!signal.aborted) {
      await look();
      await pause(clock, milliseconds * (0.9 + 0.2 * random()), signal);
    }
  }

  /** The gauge is asked for once there is something to show: it is absent, not 0, while the first look takes its time. */
  private async age(what: string, peeker: Pick<Peeker, "peekOldest">, gauge: () => Gauge): Promise<void> {
    const found = await this.found(what, () => peeker.peekOldest());
    if (found === undefined) gauge().remove();
    else if (found.value === undefined) gauge().set(0);
    // The entity's clock may be ahead of this one.
    else gauge().set(Math.max(0, this.options.clock.now() - found.value.enqueuedAt) / 1000);
  }

  private async count(ask: () => Promise<EntityCounts>): Promise<void> {
    const { queueMessages } = this.options.metrics;
    const found = await this.found("the counts of messages", ask);
    if (found === undefined) return queueMessages.reset();
    for (const [state, count] of Object.entries(found.value)) queueMessages.set({ state }, count);
  }

  /** What was asked for; undefined where that failed. */
  private async found<T>(what: string, ask: () => Promise<T>): Promise<{ value: T } | undefined> {
    const { logger } = this.options;
    try {
      const value = await ask();
      if (this.failing.delete(what)) logger.info({ what }, "observed again");
      return { value };
    } catch (error) {
      const first = !this.failing.has(what) && !this.end.signal.aborted;
      this.failing.add(what);
      const detail = { what, code: errorCode(error), description: errorText(error).split("\n", 1)[0] };
      if (first) logger.warn(detail, "not observed: its metric is absent until it is");
      return undefined;
    }
  }
}
