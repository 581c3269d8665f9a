import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backoffMilliseconds } from "../../../runtime/bus/backoff.js";

const backoff = { baseMilliseconds: 100, maxMilliseconds: 5_000 };

describe("the wait between attempts", () => {
  test("doubles its limit with each failure and takes a random share of it", () => {
    const waits = [1, 2, 3, 4].map((failures) => backoffMilliseconds(backoff, failures, () => 1));
    expect(waits).toEqual([100, 200, 400, 800]);
    expect(backoffMilliseconds(backoff, 3, () => 0.25)).toBe(100);
  });

  test("never leaves the range from nothing to the maximum, whatever the failures and the dice", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, dice) => {
        const wait = backoffMilliseconds(backoff, failures, () => dice);
        return wait >= 0 && wait <= backoff.maxMilliseconds;
      }),
    );
  });

  test("is at least what the sink asked for", () => {
    expect(backoffMilliseconds(backoff, 1, () => 0, 750)).toBe(750);
  });
});
