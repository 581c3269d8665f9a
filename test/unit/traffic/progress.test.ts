import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PipelineProgress, percentile } from "../../../stacks/local/traffic/progress.js";
import { tableLines } from "../../../stacks/local/traffic/table.js";

const settled = (messageId: string, outcome: string, enqueuedAt = 1_000, settledAt = 1_010) => ({
  entity: "renders",
  messageId,
  enqueuedAt,
  settledAt,
  outcome,
});

describe("the progress of a pipeline", () => {
  it("counts a message once, however often it is settled, and other entities never", () => {
    const progress = new PipelineProgress("renders", "renders");
    progress.sent(3);
    progress.settled(settled("a", "completed"));
    progress.settled(settled("a", "completed"));
    progress.settled(settled("b", "abandoned"));
    progress.settled(settled("c", "deadLettered", 1_000, 1_500));
    progress.settled({ ...settled("d", "completed"), entity: "telemetry" });
    expect(progress.counts(2_000)).toEqual({
      pipeline: "renders",
      sent: 3,
      completed: 1,
      deadLettered: 1,
      p50Ms: 10,
      p99Ms: 10,
      quietMs: 500,
    });
  });

  it("takes percentiles by nearest rank: always a value that was measured", () => {
    expect(percentile([], 0.5)).toBe(0);
    expect(percentile([1, 2, 3, 4], 0.5)).toBe(2);
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
        const sorted = values.sort((a, b) => a - b);
        const value = percentile(sorted, share);
        expect(sorted).toContain(value);
        expect(sorted.filter((v) => v <= value).length).toBeGreaterThanOrEqual(sorted.length * share);
      }),
    );
  });

  it("is drawn as a table whose columns line up", () => {
    const progress = new PipelineProgress("renders", "renders");
    progress.sent(12);
    progress.settled(settled("a", "completed"));
    const lines = tableLines([progress.counts(2_000)]);
    expect(lines).toHaveLength(2);
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
    expect(lines[1]).toMatch(/^renders +12 +1 +0 +11 +10 ms +10 ms$/);
  });
});
