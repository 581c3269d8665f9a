import { describe, expect, test } from "vitest";
import type { TableDefinition } from "../../../runtime/contract/index.js";
import { TimeRules } from "../../../runtime/sinks/cassandra/eventTime.js";
import { RowChange } from "../../../runtime/sinks/cassandra/mapping.js";
import { tableOf } from "./kit.js";

const NOW = Date.UTC(2026, 0, 31, 12);
const DAY_MS = 86_400_000;
const base = tableOf("text");
const deletes = { body: "op", equals: "delete" };

/** Why a row of so many milliseconds ago is not written; "fit" where it is. */
function verdict(table: TableDefinition, ago: number, change: RowChange = RowChange.Write): string {
  return new TimeRules(table).refuses({ eventTime: NOW - ago, change }, NOW)?.why ?? "fit";
}

describe("an event's time", () => {
  test.each<[string, Partial<TableDefinition["from"]>, number]>([
    ["5 minutes where maxFutureSkew is not said", {}, 300_000],
    ["what maxFutureSkew says", { maxFutureSkew: "30s" }, 30_000],
    ["nothing where maxFutureSkew is 0s", { maxFutureSkew: "0s" }, 0],
  ])("may lie ahead by %s, and by no millisecond more", (_what, from, most) => {
    const table = { ...base, from: { ...base.from, ...from } };
    expect([verdict(table, -most), verdict(table, -most - 1)]).toEqual(["fit", "ahead"]);
  });

  test("may lie back by maxAge and no more, and by any time where that is not said", () => {
    const table = { ...base, from: { ...base.from, maxAge: "2d" as const } };
    expect([verdict(table, 2 * DAY_MS), verdict(table, 2 * DAY_MS + 1)]).toEqual(["fit", "too_old"]);
    expect(verdict(base, 10_000 * DAY_MS)).toBe("fit");
  });

  test.each([
    ["10 days where options.gcGrace is not said", {}, 10],
    ["what options.gcGrace says", { options: { gcGrace: "3d" as const } }, 3],
  ])(
    "of a table with deletions may lie back by %s: a deletion that is forgotten must not be outlived",
    (_what, change, days) => {
      const table = { ...base, ...change, from: { ...base.from, deletes } };
      for (const kind of Object.values(RowChange)) {
        expect([verdict(table, days * DAY_MS, kind), verdict(table, days * DAY_MS + 1, kind)]).toEqual([
          "fit",
          "too_old",
        ]);
      }
    },
  );

  test("is poison with the time, how far off it is, the limit and its name", () => {
    const poison = (table: TableDefinition, ago: number) => {
      const found = new TimeRules(table).refuses({ eventTime: NOW - ago, change: RowChange.Write }, NOW);
      return found !== undefined && "poison" in found ? `${found.poison.reason}: ${found.poison.description}` : "";
    };
    expect(poison(base, NOW - Date.UTC(2099, 0, 1))).toMatch(
      /^EventTimeOutOfRange: The event's time, 2099-01-01T00:00:00.000Z, lies \d+ s ahead of the worker's clock; at most 300 s are taken \(maxFutureSkew\)/,
    );
    expect(poison({ ...base, from: { ...base.from, maxAge: "1d" } }, 2 * DAY_MS)).toBe(
      "EventTimeOutOfRange: The event's time, 2026-01-29T12:00:00.000Z, lies 172800 s back; at most 86400 s are taken (maxAge).",
    );
    expect(poison({ ...base, from: { ...base.from, deletes } }, 11 * DAY_MS)).toMatch(/\(maxAge, or gcGrace: .*\)\.$/);
    // Beyond what a date can be written as.
    expect(poison(base, -9e15)).toMatch(/The event's time, \d+ ms, lies/);
  });

  test("leaves a row what is left of timeToLive; over, it is done without a write", () => {
    const table = { ...base, timeToLive: "100s" as const };
    const left = (ago: number) => new TimeRules(table).secondsLeft({ eventTime: NOW - ago }, NOW);
    expect([left(0), left(40_000), left(99_000), left(100_000), left(-5_000)]).toEqual([100, 60, 1, undefined, 105]);
    expect([verdict(table, 99_000), verdict(table, 100_000)]).toEqual(["fit", "expired"]);
    expect(new TimeRules(base).secondsLeft({ eventTime: 0 }, NOW)).toBe(0);
  });

  test("lets a row end in the same second, whenever it is written", () => {
    const rules = new TimeRules({ ...base, timeToLive: "1h" });
    const eventTime = NOW + 777;
    const ends = (at: number) => Math.floor(at / 1000) + (rules.secondsLeft({ eventTime }, at) ?? Number.NaN);
    for (let at = NOW; at < NOW + 3_590_000; at += 12_345) expect(ends(at)).toBe(ends(NOW));
  });

  test("never asks for a longer life than Cassandra knows", () => {
    const rules = new TimeRules({ ...base, timeToLive: "7300d" });
    expect(rules.secondsLeft({ eventTime: NOW + 300_000 }, NOW)).toBe(630_720_000);
  });

  test("of a deletion is not over with the row's time to live: what it deletes may have been written later", () => {
    const table = { ...base, timeToLive: "100s" as const, from: { ...base.from, deletes } };
    expect(verdict(table, 200_000, RowChange.Delete)).toBe("fit");
  });
});
