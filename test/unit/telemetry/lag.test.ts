import pino from "pino";
import { describe, expect, test } from "vitest";
import type { EntityCounts } from "../../../runtime/bus/counts.js";
import { LagObserver } from "../../../runtime/bus/lag.js";
import { LockWatch } from "../../../runtime/bus/lockWatch.js";
import type { PeekedMessage } from "../../../runtime/bus/peeker.js";
import { createMetrics } from "../../../runtime/telemetry/index.js";
import { clientError, FakeClock, settled } from "../bus/fakes.js";

function kit() {
  const clock = new FakeClock();
  const metrics = createMetrics({ pipeline: "renders", sink: "gluster" });
  const lines: { [field: string]: unknown }[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  /** The value of a metric's only line, or of the one with a state; undefined where it is absent. */
  const value = async (name: string, state?: string): Promise<number | undefined> => {
    const metric = await metrics.registry.getSingleMetric(name)?.get();
    return metric?.values.find(({ labels }) => state === undefined || labels["state"] === state)?.value;
  };
  return { clock, metrics, lines, logger, value };
}

describe("the observer of the entity", () => {
  function observed(counts?: () => Promise<EntityCounts>) {
    const made = kit();
    const { clock, metrics, logger } = made;
    let waiting = async (): Promise<PeekedMessage | undefined> => undefined;
    let looks = 0;
    let attached = true;
    const lag = new LagObserver({
      waiting: {
        peekOldest: () => {
          looks++;
          return waiting();
        },
      },
      deadLetters: { peekOldest: async () => ({ sequenceNumber: "7", enqueuedAt: clock.now() - 90_000 }) },
      connected: () => attached,
      ...(counts === undefined ? {} : { counts }),
      ...{ metrics, logger, clock },
      random: () => 0.5,
    });
    const oldest = (next: typeof waiting): void => {
      waiting = next;
    };
    const attach = (now: boolean): void => {
      attached = now;
    };
    return { ...made, lag, oldest, attach, looks: () => looks };
  }

  test("tells the age of the oldest message and dead letter, and 0 where none waits", async () => {
    const { lag, oldest, clock, metrics, value } = observed();
    let answer: () => void = () => undefined;
    oldest(
      () =>
        new Promise((resolve) => {
          answer = () => resolve(undefined);
        }),
    );
    lag.start();
    await settled();
    expect(metrics.registry.getSingleMetric("stowage_queue_oldest_age_seconds")).toBeUndefined();
    answer();
    await settled();
    expect(await value("stowage_queue_oldest_age_seconds")).toBe(0);
    expect(await value("stowage_dead_letter_oldest_age_seconds")).toBe(90);
    const enqueuedAt = clock.now() - 5_000;
    oldest(async () => ({ sequenceNumber: "1", enqueuedAt }));
    await clock.advance(15_000);
    expect(await value("stowage_queue_oldest_age_seconds")).toBe(20);
    // The entity's clock is ahead.
    oldest(async () => ({ sequenceNumber: "1", enqueuedAt: clock.now() + 60_000 }));
    await clock.advance(15_000);
    expect(await value("stowage_queue_oldest_age_seconds")).toBe(0);
    lag.stop();
  });

  test("leaves out what it could not find out, says why once, and says when it is back", async () => {
    const { lag, oldest, clock, value, lines } = observed();
    lag.start();
    await settled();
    oldest(() => Promise.reject(clientError("UnauthorizedAccess", "no listen right")));
    await clock.advance(60_000);
    expect(await value("stowage_queue_oldest_age_seconds")).toBeUndefined();
    expect(await value("stowage_dead_letter_oldest_age_seconds")).toBe(90);
    expect(lines).toMatchObject([
      { level: 40, what: "the oldest message", code: "UnauthorizedAccess", description: "no listen right" },
    ]);
    oldest(async () => undefined);
    await clock.advance(15_000);
    expect(await value("stowage_queue_oldest_age_seconds")).toBe(0);
    expect(lines.at(-1)).toMatchObject({ level: 30, msg: "observed again" });
    lag.stop();
  });

  test("asks nothing of an entity that the worker is not attached to, and tells no ages then", async () => {
    const { lag, attach, clock, value, looks, lines } = observed();
    attach(false);
    lag.start();
    await clock.advance(60_000);
    expect(looks()).toBe(0);
    expect(await value("stowage_queue_oldest_age_seconds")).toBeUndefined();
    attach(true);
    await clock.advance(1_000);
    expect(looks()).toBe(1);
    expect(await value("stowage_dead_letter_oldest_age_seconds")).toBe(90);
    attach(false);
    await clock.advance(15_000);
    expect(looks()).toBe(1);
    expect(await value("stowage_dead_letter_oldest_age_seconds")).toBeUndefined();
    expect(lines).toEqual([]);
    lag.stop();
    await settled();
    expect(clock.pending).toBe(0);
  });

  test("looks four times a minute, and not at all once it is stopped", async () => {
    const { lag, clock, looks } = observed();
    lag.start();
    await clock.advance(60_000);
    expect(looks()).toBe(5);
    lag.stop();
    await clock.advance(60_000);
    expect(looks()).toBe(5);
    expect(clock.pending).toBe(0);
  });

  test("shows the exact counts with observe only, and leaves them out where they are refused", async () => {
    const without = observed();
    without.lag.start();
    await without.clock.advance(60_000);
    expect(without.metrics.registry.getSingleMetric("stowage_queue_messages")).toBeUndefined();
    without.lag.stop();

    let refused = false;
    const { lag, clock, value, lines } = observed(async () => {
      if (refused) throw clientError("UnauthorizedRequestError");
      return { active: 3, dead_letter: 2, scheduled: 1 };
    });
    lag.start();
    await settled();
    const shown = (): Promise<(number | undefined)[]> =>
      Promise.all(["active", "dead_letter", "scheduled"].map((state) => value("stowage_queue_messages", state)));
    expect(await shown()).toEqual([3, 2, 1]);
    refused = true;
    await clock.advance(90_000);
    expect(await shown()).toEqual([undefined, undefined, undefined]);
    expect(lines).toMatchObject([{ what: "the counts of messages", code: "UnauthorizedRequestError" }]);
    lag.stop();
  });
});

describe("the watch over the lock", () => {
  function watched(lockSeconds: number, slowSeconds?: number) {
    const made = kit();
    const { metrics, logger, clock } = made;
    const watch = new LockWatch({ lockSeconds, slowSeconds, metrics, logger, clock });
    watch.start();
    /** A window of 1,000 messages, some of which take longer than the lock. */
    const window = async (longer: number): Promise<number | undefined> => {
      for (let i = 1; i < 1_000; i++) watch.processed(i <= longer ? lockSeconds + 0.001 : lockSeconds);
      await clock.advance(60_000);
      watch.processed(lockSeconds);
      return made.value("stowage_lock_short");
    };
    return { ...made, watch, window };
  }

  test("tells the lock's duration, and that it is not short where nothing says so", async () => {
    const { value, lines } = watched(30);
    expect(await value("stowage_lock_duration_seconds")).toBe(30);
    expect(await value("stowage_lock_short")).toBe(0);
    expect(lines).toEqual([]);
  });

  test("warns at start where the pipeline states a slower 99th percentile, and stays with that", async () => {
    const { value, lines, window } = watched(30, 31);
    expect(await value("stowage_lock_short")).toBe(1);
    expect(lines).toMatchObject([{ level: 40, lockDurationSeconds: 30, slowSeconds: 31 }]);
    expect(await window(0)).toBe(1);
    expect(lines).toHaveLength(1);
    expect(await watched(30, 30).value("stowage_lock_short")).toBe(0);
  });

  test("warns once where more than a hundredth took longer than the lock, and stops at half of that", async () => {
    const { lines, window } = watched(30);
    expect(await window(10)).toBe(0);
    expect(await window(11)).toBe(1);
    expect(await window(500)).toBe(1);
    // Neither short nor long: it stays as it was.
    expect(await window(7)).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 40, messages: 1_000, longer: 11 });
    expect(await window(4)).toBe(0);
    expect(await window(10)).toBe(0);
    expect(lines).toHaveLength(2);
  });

  test("says nothing by fewer messages than have a 99th percentile", async () => {
    const { watch, clock, value } = watched(1);
    await clock.advance(600_000);
    for (let i = 0; i < 99; i++) watch.processed(60);
    expect(await value("stowage_lock_short")).toBe(0);
    watch.processed(60);
    expect(await value("stowage_lock_short")).toBe(1);
  });
});
