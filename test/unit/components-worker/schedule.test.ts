import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rotationProblems, scheduleOf } from "../../../components/worker/cassandra/schedule.js";
import { type Duration, durationSeconds, formatProblem } from "../../../runtime/contract/index.js";

const SAID: Duration[] = [
  ...(["1h", "2h", "3h", "4h", "6h", "8h", "12h", "1d", "7d"] as const),
  ...(["30d", "60d", "90d", "120d", "180d", "365d"] as const),
];
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** The values of one field, by cron's own rules. */
function valuesOf(field: string, first: number, last: number): Set<number> {
  const [range = "", step = "1"] = field.split("/");
  const [from, to] = range === "*" ? [first, last] : range.split("-").map(Number);
  const values = new Set<number>();
  for (let value = from ?? first; value <= (to ?? from ?? last); value += Number(step)) values.add(value);
  return values;
}

/** Every time in five years at which a schedule begins, as a cluster's controller reads it. */
function times(schedule: string): number[] {
  const [minutes = "", hours = "", days = "", months = "", weekdays = ""] = schedule.split(" ");
  const at = {
    minutes: valuesOf(minutes, 0, 59),
    hours: valuesOf(hours, 0, 23),
    days: valuesOf(days, 1, 31),
    months: valuesOf(months, 1, 12),
    weekdays: valuesOf(weekdays, 0, 6),
  };
  const found: number[] = [];
  for (let day = Date.UTC(2026, 0, 1); day < Date.UTC(2031, 0, 1); day += DAY) {
    const date = new Date(day);
    const fits = at.days.has(date.getUTCDate()) && at.months.has(date.getUTCMonth() + 1);
    if (!fits || !at.weekdays.has(date.getUTCDay())) continue;
    for (const hour of at.hours) for (const minute of at.minutes) found.push(day + hour * HOUR + minute * 60_000);
  }
  return found.sort((a, b) => a - b);
}

describe("the schedule of a rotation", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,38}[a-z0-9]$/);

  it.each(SAID)("%s: comes as often as it says, whatever the pipeline's name", (rotation) => {
    fc.assert(
      fc.property(name, (pipeline) => {
        const found = times(scheduleOf(rotation, pipeline));
        const gaps = found.slice(1).map((time, i) => time - (found[i] ?? 0));
        const seconds = durationSeconds(rotation);
        // Months and years have the length that they have: 28 to 31 days for each month, 365 or 366 for twelve.
        const months = seconds % (30 * 86_400) === 0 ? seconds / (30 * 86_400) : undefined;
        const least = months === undefined ? seconds * 1_000 : (months * 31 - 3 - Math.floor(months / 2)) * DAY;
        const most = months === undefined ? (rotation === "365d" ? 366 * DAY : seconds * 1_000) : months * 31 * DAY;
        expect(found.length).toBeGreaterThan(3);
        expect(Math.min(...gaps)).toBeGreaterThanOrEqual(least);
        expect(Math.max(...gaps)).toBeLessThanOrEqual(most);
      }),
      { numRuns: rotation.endsWith("h") ? 2 : 20 },
    );
  });

  it("is the same for the same pipeline, and spread over those of a ring", () => {
    const names = Array.from({ length: 40 }, (_, i) => `pipeline-${i}`);
    const schedules = names.map((each) => scheduleOf("30d", each));
    expect(schedules).toEqual(names.map((each) => scheduleOf("30d", each)));
    expect(new Set(schedules).size).toBeGreaterThan(35);
    expect(new Set(schedules.map((each) => each.split(" ")[2])).size).toBeGreaterThan(10);
    for (const schedule of schedules) expect(schedule).toMatch(/^\d{1,2} [1-4] \d{1,2} \* \*$/);
  });

  it("is the same for the same time in other words", () => {
    expect(scheduleOf("24h", "a")).toBe(scheduleOf("1d", "a"));
    expect(scheduleOf("168h", "a")).toBe(scheduleOf("7d", "a"));
    expect(scheduleOf("1h", "a")).toMatch(/^\d{1,2} \* \* \* \*$/);
  });

  it.each(["5h", "36h", "2d", "14d", "45d", "91d", "90s"] as const)(
    "is none for %s, which no CronJob can say",
    (each) => {
      expect(rotationProblems("rotation", each).map(formatProblem)).toEqual([
        `rotation: must be what a CronJob's schedule can say: 1h, 2h, 3h, 4h, 6h, 8h, 12h, 1d, 7d, 30d, 60d, 90d, 120d, 180d or 365d (found "${each}"). Choose the nearest; 30d is once a month, 90d once in three months`,
      ]);
      expect(() => scheduleOf(each, "a")).toThrow(RangeError);
    },
  );

  it("has no problem with what it can say", () => {
    expect(SAID.flatMap((each) => rotationProblems("rotation", each))).toEqual([]);
  });
});
