import { durationSeconds, type Problem, problem, sha256 } from "../../../runtime/contract/index.js";

/** How often the pipeline's password changes where nothing is said. */
export const DEFAULT_ROTATION = "30d";

/** Numbers that follow from a name, each at most the given one. */
type Spread = (atMost: number) => number;
type Schedule = (spread: Spread) => string;

const HOUR = 3_600;
const DAY = 24 * HOUR;
/** The hours, in UTC, in which what happens once a day or less begins: 1 to 4. */
const hour = (spread: Spread) => 1 + spread(3);
/** A day that every month has. */
const day = (spread: Spread) => 1 + spread(27);
const step = (first: number, last: number, every: number) => (every === 1 ? "*" : `${first}-${last}/${every}`);

const hours = (every: number): Schedule => {
  return (spread) => `${spread(59)} ${step(spread(every - 1), 23, every)} * * *`;
};
/** A cron knows no interval in days: its months do, 28 to 31 days each. */
const months = (every: number): Schedule => {
  return (spread) => `${spread(59)} ${hour(spread)} ${day(spread)} ${step(1 + spread(every - 1), 12, every)} *`;
};
const yearly: Schedule = (spread) => `${spread(59)} ${hour(spread)} ${day(spread)} ${1 + spread(11)} *`;

/** What the five fields of a schedule can say, by the seconds between two times: each divides a day or a year. */
const SCHEDULES = new Map<number, Schedule>([
  ...[1, 2, 3, 4, 6, 8, 12].map((each): [number, Schedule] => [each * HOUR, hours(each)]),
  [DAY, (spread) => `${spread(59)} ${hour(spread)} * * *`],
  [7 * DAY, (spread) => `${spread(59)} ${hour(spread)} * * ${spread(6)}`],
  ...[1, 2, 3, 4, 6].map((each): [number, Schedule] => [each * 30 * DAY, months(each)]),
  [365 * DAY, yearly],
]);

/**
 * The five fields of a CronJob's schedule, in UTC, for a time between two rotations. Minute, hour and day follow from
 * `name`, so that what has different names is spread. Throws a RangeError where no schedule says it.
 */
export function scheduleOf(rotation: string, name: string): string {
  const schedule = SCHEDULES.get(durationSeconds(rotation));
  if (schedule === undefined) throw new RangeError(`No schedule of five fields says every ${rotation}`);
  let part = 0;
  return schedule((atMost) => Number.parseInt(sha256(`${name} ${part++}`).slice(0, 8), 16) % (atMost + 1));
}

/** Why no schedule can say a rotation; the duration is valid. */
export function rotationProblems(path: string, rotation: string): Problem[] {
  if (SCHEDULES.has(durationSeconds(rotation))) return [];
  return [
    problem(
      path,
      rotation,
      "must be what a CronJob's schedule can say: 1h, 2h, 3h, 4h, 6h, 8h, 12h, 1d, 7d, 30d, 60d, 90d, 120d, 180d or 365d",
      "Choose the nearest; 30d is once a month, 90d once in three months",
    ),
  ];
}
