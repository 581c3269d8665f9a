import { describe, expect, test } from "vitest";
import { figuresOf, type OrderingOptions, PLACES, runOrdering } from "./ordering/harness.js";
import { type Effect, judgeOrder } from "./ordering/order.js";

const LONG = process.env["STOWAGE_LONG"] === "1";
const seed = Number(process.env["STOWAGE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

const OPTIONS: OrderingOptions = LONG
  ? { seed, sessions: 200, messages: 250, workers: 3, kills: 20, restarts: 10, limitSeconds: 900 }
  : { seed, sessions: 40, messages: 100, workers: 3, kills: 4, restarts: 2, limitSeconds: 90 };

describe("order within sessions", () => {
  test(
    "is intact through kills, restarts and hand-overs of three workers",
    async () => {
      const run = await runOrdering(OPTIONS);
      process.stdout.write(`${figuresOf(OPTIONS, run)}\n`);
      expect(run.violations, `seed ${seed}`).toEqual([]);
      expect(run.deadLetters).toBe(0);
      // Only what a kill caught between effect and settlement is done again: at most one message of each place.
      expect(run.repeats).toBeLessThanOrEqual(OPTIONS.kills * PLACES);
      expect(run.effects).toBe(OPTIONS.sessions * OPTIONS.messages + run.repeats);
      // Sessions went from worker to worker, or nothing was shown.
      expect(run.handOvers).toBeGreaterThan(OPTIONS.sessions / 2);
      expect(run.endings).toEqual(Array(OPTIONS.restarts + OPTIONS.workers).fill(0));
      expect(run.positionsMissing).toEqual([]);
    },
    (OPTIONS.limitSeconds + 60) * 1_000,
  );
});

describe("the judge of order", () => {
  const effects = (...numbers: number[]): Effect[] =>
    numbers.map((number) => ({ session: "a", number, worker: "w", deliveryCount: 1 }));
  const judge = (...numbers: number[]): string[] => judgeOrder(effects(...numbers), ["a"], 3).violations;

  test("takes a session that is in order, its newest message done again too", () => {
    expect(judge(0, 1, 2)).toEqual([]);
    expect(judge(0, 0, 1, 2, 2)).toEqual([]);
    expect(judgeOrder(effects(0, 0, 1, 2, 2), ["a"], 3).repeats).toBe(2);
  });

  test("finds a gap, an exchange, an older message done again, a missing end and a missing session", () => {
    expect(judge(0, 2)).toEqual(["line 2: a did number 2 by w after number 0"]);
    expect(judge(1, 0, 2)).toHaveLength(3);
    expect(judge(0, 1, 0, 1, 2)).toHaveLength(1);
    expect(judge(0, 1)).toEqual(["a ends with number 1 of 2"]);
    expect(judgeOrder(effects(0, 1, 2), ["a", "b"], 3).violations).toEqual(["b ends with number -1 of 2"]);
    expect(judgeOrder(effects(0, 1, 2), [], 3).violations).toEqual(["nobody sent session a"]);
  });

  test("counts the times that a session went from one worker to another", () => {
    const [first, second, third] = effects(0, 1, 2);
    const moved = [first, second && { ...second, worker: "v" }, third].filter((effect) => effect !== undefined);
    expect(judgeOrder(moved, ["a"], 3).handOvers).toBe(2);
  });
});
