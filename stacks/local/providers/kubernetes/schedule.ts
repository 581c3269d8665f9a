import { type Problem, problem } from "../../../../runtime/contract/index.js";

/** A field of a schedule: its name, what numbers it takes, and which names stand for numbers, from the least on. */
interface Field {
  name: string;
  min: number;
  max: number;
  names: readonly string[];
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS: readonly Field[] = [
  { name: "minute", min: 0, max: 59, names: [] },
  { name: "hour", min: 0, max: 23, names: [] },
  { name: "day of the month", min: 1, max: 31, names: [] },
  { name: "month", min: 1, max: 12, names: MONTHS },
  { name: "day of the week", min: 0, max: 6, names: DAYS },
];
const MACROS = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
const EVERY = /^@every (\d+(\.\d+)?(h|m|s))+$/;
const FIX = "Write minute, hour, day of the month, month and day of the week, `0 3 1 * *`";

/** What the API server would refuse in a CronJob's schedule. */
export function scheduleProblems(path: string, schedule: unknown): Problem[] {
  if (typeof schedule !== "string" || schedule.trim() === "")
    return [problem(path, schedule, "must be a schedule of five fields", FIX)];
  if (/TZ=/.test(schedule)) return [problem(path, schedule, "must not name a time zone", "Use timeZone for that")];
  if (MACROS.includes(schedule) || EVERY.test(schedule)) return [];
  const parts = schedule.trim().split(/\s+/);
  if (parts.length !== FIELDS.length)
    return [problem(path, schedule, `must have five fields, and has ${parts.length}`, FIX)];
  return FIELDS.flatMap((field, i) => fieldProblems(path, field, parts[i] ?? ""));
}

/** What is wrong with a CronJob's time zone: it must be one of the IANA database. */
export function timeZoneProblems(path: string, timeZone: unknown): Problem[] {
  if (timeZone === undefined || timeZone === null) return [];
  const fix = "Name one as Etc/UTC or Europe/Amsterdam";
  if (typeof timeZone !== "string" || timeZone.toLowerCase() === "local" || !isZone(timeZone))
    return [problem(path, timeZone, "is no time zone of the IANA database", fix)];
  return [];
}

function isZone(name: string): boolean {
  try {
    // Offsets are zones to JavaScript, and none to Kubernetes.
    return !/^[+-]/.test(name) && new Intl.DateTimeFormat("en", { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}

function fieldProblems(path: string, field: Field, text: string): Problem[] {
  const { name, min, max } = field;
  return text.split(",").every((part) => isPart(field, part))
    ? []
    : [problem(path, text, `is no ${name}: numbers from ${min} to ${max}, ranges, steps and lists of them, or *`, FIX)];
}

function isPart(field: Field, part: string): boolean {
  const [range = "", step, ...more] = part.split("/");
  if (more.length > 0 || (step !== undefined && !/^[1-9]\d*$/.test(step))) return false;
  if (range === "*" || range === "?") return true;
  const [from, to, ...rest] = range.split("-");
  const [first, last] = [numberOf(field, from), to === undefined ? undefined : numberOf(field, to)];
  if (rest.length > 0 || first === undefined || (to !== undefined && last === undefined)) return false;
  return last === undefined || first <= last;
}

function numberOf({ min, max, names }: Field, text = ""): number | undefined {
  const named = names.indexOf(text.toLowerCase());
  if (named >= 0) return named + min;
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return number >= min && number <= max ? number : undefined;
}
