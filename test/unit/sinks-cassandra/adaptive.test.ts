import { describe, expect, test } from "vitest";
import { AdaptiveLimit } from "../../../runtime/sinks/cassandra/adaptive.js";
import { Seeded } from "../broker-fuzz/seeded.js";

/** Below the latencies of the stores here, in milliseconds: what is held is the rule, whatever ring its figure is for. */
const BASELINE = 5;

/** A store that works on some writes at once, each for its service time; the others wait in line. */
interface Store {
  places: number;
  serviceMilliseconds: number;
  /** A write that waits longer than this is refused with a time-out. */
  timeoutMilliseconds?: number;
}

/** What many a client has: so many at once, whatever the store says. */
class FixedLimit {
  inFlight = 0;

  constructor(readonly limit: number) {}

  tryEnter(): boolean {
    if (this.inFlight >= this.limit) return false;
    this.inFlight++;
    return true;
  }

  leave(): void {
    this.inFlight--;
  }

  answered(_began: number, _rows: number): void {}

  overloaded(_began: number): void {}
}

/** A limit against a store whose work is simulated, with as many writes as the limit lets go. */
class Simulation {
  now = 0;
  timeouts = 0;
  written = 0;
  readonly limit: AdaptiveLimit | FixedLimit;
  private readonly random = new Seeded(7);
  private flying: { began: number; ends: number; fails: boolean }[] = [];
  private readonly free: number[] = [];

  constructor(
    max: number,
    public store: Store,
    limit?: FixedLimit,
  ) {
    this.limit = limit ?? new AdaptiveLimit(max, { now: () => this.now }, BASELINE);
  }

  /** Runs for so many milliseconds; gives the limits that it went through, one each 100 ms. */
  run(milliseconds: number, offered = Number.POSITIVE_INFINITY): number[] {
    const limits: number[] = [];
    const end = this.now + milliseconds;
    let sample = this.now;
    while (this.now < end) {
      while (this.limit.inFlight < offered && this.limit.tryEnter()) this.begin();
      this.flying.sort((a, b) => a.ends - b.ends);
      const next = this.flying.shift();
      if (next === undefined) break;
      this.now = Math.max(this.now, next.ends);
      if (next.fails) {
        this.timeouts++;
        this.limit.overloaded(next.began);
      } else {
        this.written++;
        this.limit.answered(next.began, 10);
      }
      this.limit.leave();
      for (; sample < this.now; sample += 100) limits.push(this.limit.limit);
    }
    return limits;
  }

  private begin(): void {
    const { places, serviceMilliseconds, timeoutMilliseconds = Number.POSITIVE_INFINITY } = this.store;
    while (this.free.length > places) this.free.pop();
    while (this.free.length < places) this.free.push(0);
    const place = this.free.indexOf(Math.min(...this.free));
    const starts = Math.max(this.now, this.free[place] ?? 0);
    const takes = serviceMilliseconds * (0.8 + (0.4 * this.random.below(1_000)) / 1_000);
    const fails = starts + takes - this.now > timeoutMilliseconds;
    if (!fails) this.free[place] = starts + takes;
    this.flying.push({ began: this.now, ends: fails ? this.now + timeoutMilliseconds : starts + takes, fails });
  }
}

describe("the adaptive limit", () => {
  test("starts at a quarter of its maximum, never below one, and lets so many in", () => {
    const limit = new AdaptiveLimit(32, { now: () => 0 });
    expect(limit.limit).toBe(8);
    for (let n = 0; n < 8; n++) expect(limit.tryEnter()).toBe(true);
    expect([limit.tryEnter(), limit.inFlight]).toEqual([false, 8]);
    limit.leave();
    expect(limit.tryEnter()).toBe(true);
    expect(new AdaptiveLimit(1, { now: () => 0 }).limit).toBe(1);
  });

  test("grows to its maximum where the store bears it, and never beyond", () => {
    const simulation = new Simulation(64, { places: 100, serviceMilliseconds: 50 });
    const limits = simulation.run(50_000);
    expect(limits.at(-1)).toBe(64);
    expect(Math.max(...limits)).toBe(64);
  });

  test("settles where the store is busy and its queue short, without a time-out", () => {
    const store = { places: 20, serviceMilliseconds: 50, timeoutMilliseconds: 1_000 };
    const simulation = new Simulation(256, store);
    simulation.run(10_000);
    simulation.written = 0;
    const settled = simulation.run(20_000);
    // All places busy, and up to three times the unloaded latency, as its rules say.
    expect(Math.min(...settled)).toBeGreaterThanOrEqual(20);
    expect(Math.max(...settled)).toBeLessThanOrEqual(80);
    expect(simulation.timeouts).toBe(0);
    expect(simulation.written).toBeGreaterThan(0.95 * (20_000 / 50) * 20);
    // The very store answers a fixed number of writes with time-outs.
    const fixed = new Simulation(256, { ...store, timeoutMilliseconds: 500 }, new FixedLimit(256));
    fixed.run(25_000);
    expect(fixed.timeouts).toBeGreaterThan(fixed.written / 5);
    const adaptive = new Simulation(256, { ...store, timeoutMilliseconds: 500 });
    adaptive.run(25_000);
    expect(adaptive.timeouts).toBe(0);
  });

  test("shrinks when the store becomes slower, and grows again when it has recovered", () => {
    const simulation = new Simulation(128, { places: 40, serviceMilliseconds: 50 });
    const before = simulation.run(50_000).at(-1) ?? 0;
    expect(before).toBeGreaterThanOrEqual(40);
    simulation.store = { places: 4, serviceMilliseconds: 50 };
    const busy = simulation.run(25_000).at(-1) ?? 0;
    expect(busy).toBeLessThanOrEqual(16);
    expect(busy).toBeGreaterThanOrEqual(4);
    simulation.store = { places: 40, serviceMilliseconds: 50 };
    expect(simulation.run(50_000).at(-1)).toBeGreaterThanOrEqual(40);
  });

  test("accepts after some minutes that a store has become slower for good", () => {
    const simulation = new Simulation(16, { places: 100, serviceMilliseconds: 50 });
    simulation.run(25_000);
    simulation.store = { places: 100, serviceMilliseconds: 250 };
    expect(simulation.run(25_000).at(-1)).toBeLessThan(8);
    expect(simulation.run(240_000).at(-1)).toBe(16);
  });

  test("is halved by an error, once for all that were in flight together, down to one and no further", () => {
    let now = 0;
    const limit = new AdaptiveLimit(64, { now: () => now });
    now = 10;
    for (let n = 0; n < 16; n++) limit.overloaded(5);
    expect(limit.limit).toBe(8);
    limit.overloaded(10);
    expect(limit.limit).toBe(4);
    for (let n = 0; n < 10; n++) {
      now += 10;
      limit.overloaded(now);
    }
    expect(limit.limit).toBe(1);
    expect(limit.tryEnter()).toBe(true);
  });

  test("does not grow on what little is asked of it: that says nothing about more", () => {
    const simulation = new Simulation(64, { places: 100, serviceMilliseconds: 10 });
    expect(simulation.run(10_000, 2).at(-1)).toBe(16);
  });

  test("takes no latency for a rise that a ring has which is well, its commit log synced for each write", () => {
    let now = 0;
    const limit = new AdaptiveLimit(64, { now: () => now });
    const write = (takes: number): void => {
      const began = now;
      while (limit.tryEnter());
      now += takes;
      for (let left = limit.inFlight; left > 0; left--) {
        limit.answered(began, 1);
        limit.leave();
      }
    };
    for (let n = 0; n < 400; n++) write(n % 10 === 0 ? 1 : 10);
    expect(limit.limit).toBe(64);
    for (let n = 0; n < 20; n++) write(1_000);
    expect(limit.limit).toBeLessThan(8);
  });

  test("compares batches with those of their size: full ones take longer, and that is no overload", () => {
    let now = 0;
    const limit = new AdaptiveLimit(64, { now: () => now }, BASELINE);
    const write = (rows: number, takes: number): void => {
      const began = now;
      while (limit.tryEnter());
      now += takes;
      for (let left = limit.inFlight; left > 0; left--) {
        limit.answered(began, rows);
        limit.leave();
      }
    };
    for (let n = 0; n < 400; n++) write(1, 6);
    expect(limit.limit).toBe(64);
    for (let n = 0; n < 100; n++) write(100, 60);
    expect(limit.limit).toBe(64);
  });
});
