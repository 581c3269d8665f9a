import { expect, test } from "vitest";
import { rowOf } from "../../../runtime/sinks/cassandra/lookup.js";
import { readings } from "../support/pipelines.js";

const wide = {
  ...readings,
  columns: { ...readings.columns, a: { type: "int", body: "a" }, b: { type: "int", body: "b" } },
};

test("a row was written as of the newest of its cells, one before 1970 too", () => {
  expect(rowOf(wide, [1_769_817_600_000_123n, null])).toEqual({ writtenAs: new Date("2026-01-31T00:00:00.000Z") });
  expect(rowOf(wide, [1_000_000n, 2_000_000n])).toEqual({ writtenAs: new Date(2_000) });
  expect(rowOf(wide, [-2_000_000n, null])).toEqual({ writtenAs: new Date(-2_000) });
});

test("a row without cells beside its key has no time, whatever its key holds", () => {
  expect(rowOf(wide, [null, null])).toEqual({});
  expect(rowOf(readings, ["device-7", "2026-01-31", 1_769_817_600_000_123n, "m-1"])).toEqual({});
});
