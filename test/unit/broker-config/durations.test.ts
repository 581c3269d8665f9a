import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatDuration, parseDuration } from "../../../stacks/local/broker/core/durations.js";

const FOREVER = "P10675199DT2H48M5.4775807S";

describe("a duration", () => {
  it.each<readonly [number, string]>([
    [0, "PT0S"],
    [0.5, "PT0.5S"],
    [1, "PT1S"],
    [60, "PT1M"],
    [3_600, "PT1H"],
    [86_400, "P1D"],
    [93_784.5, "P1DT2H3M4.5S"],
    [Number.POSITIVE_INFINITY, FOREVER],
  ])("of %d s is %s, both ways", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
    expect(parseDuration(text)).toBe(seconds);
  });

  it.each(["", "P", "PT", "1H", "PT1", "P1Y", "P1M", "P-1D", "PT1.S", " PT1S", "PT1S ", "pt1s"])(
    "is not what '%s' says",
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it("is read as it was written, to the millisecond", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 * 86_400_000 }), (milliseconds) => {
        expect(parseDuration(formatDuration(milliseconds / 1_000))).toBeCloseTo(milliseconds / 1_000, 6);
      }),
    );
  });
});
