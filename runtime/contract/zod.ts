import { z } from "zod";
import { type Duration, durationSeconds, parseDuration } from "./duration.js";
import { type Problem, problem } from "./problems.js";

/** Separates the reason from the fix inside a zod message. */
const SEPARATOR = "\u0000";

/** An error text that carries what is wrong and what to do. */
export function because(reason: string, fix: string): { error: string } {
  return { error: `${reason}${SEPARATOR}${fix}` };
}

/** An integer in a closed range. `unit` is shown: "seconds". */
export function integer(min: number, max: number, unit = ""): z.ZodNumber {
  const suffix = unit === "" ? "" : ` ${unit}`;
  const why = because(`must be a whole number from ${min} to ${max}${suffix}`, `Give a number in that range`);
  return z.number(why).int(why).min(min, why).max(max, why);
}

/** A duration in a closed range: `duration("1s", "30d")`. */
export function duration(min: Duration, max: Duration): z.ZodType<Duration, Duration> {
  const why = because(`must be a duration from ${min} to ${max}`, "Give a whole number and s, m, h or d, such as 30d");
  const [least, most] = [durationSeconds(min), durationSeconds(max)];
  const fits = (value: string) => {
    const seconds = parseDuration(value);
    return seconds !== undefined && seconds >= least && seconds <= most;
  };
  return z.custom<Duration>((value) => typeof value === "string" && fits(value), why);
}

/** A string that matches a pattern; `rule` says the pattern in words. */
export function text(pattern: RegExp, rule: string, fix: string): z.ZodString {
  const why = because(`must be ${rule}`, fix);
  return z.string(why).regex(pattern, why);
}

/** A path from the root of a file system. */
export const absolutePath = text(/^\/[^\0]*$/, "an absolute path", "Begin it with /");

/** One of the values of an `as const` enum. */
export function oneOf<const T extends Record<string, string>>(values: T): z.ZodType<T[keyof T], T[keyof T]> {
  const list = Object.values(values);
  const why = because(`must be one of ${list.join(", ")}`, "Choose one of them");
  return z.enum(values, why) as unknown as z.ZodType<T[keyof T], T[keyof T]>;
}

/** The name in `known` that is nearest to `name`, if it is near enough to be a slip. */
function nearest(name: string, known: string[]): string | undefined {
  const lower = name.toLowerCase();
  return known
    .map((k) => ({ k, d: distance(lower, k.toLowerCase()) }))
    .filter(({ k, d }) => d <= Math.max(1, Math.floor(k.length / 3)))
    .sort((a, b) => a.d - b.d)[0]?.k;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + cost));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** An object that refuses keys it does not know, and says which it knows. */
export function strict<T extends z.core.$ZodLooseShape>(shape: T): z.ZodObject<T, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== "unrecognized_keys") return `must be an object${SEPARATOR}Give its keys: ${known.join(", ")}`;
      const near = issue.keys.length === 1 && issue.keys[0] !== undefined ? nearest(issue.keys[0], known) : undefined;
      const fix = near === undefined ? `Remove it; known keys are ${known.join(", ")}` : `Did you mean ${near}?`;
      return `unknown key${SEPARATOR}${fix}`;
    },
  });
}

function at(value: unknown, path: PropertyKey[]): unknown {
  let found = value;
  for (const key of path) {
    if (found === null || typeof found !== "object") return undefined;
    found = (found as Record<PropertyKey, unknown>)[key];
  }
  return found;
}

/** All problems that a schema finds in a value; an empty list where it is valid. */
export function problemsOf(schema: z.ZodType, value: unknown): Problem[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  return result.error.issues.flatMap((issue) => {
    // What is wrong with a record's key stands within.
    const message = issue.code === "invalid_key" ? (issue.issues[0]?.message ?? issue.message) : issue.message;
    const [reason = "", fix = "See the documentation of this setting"] = message.split(SEPARATOR);
    const paths = issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
    return paths.map((path) => {
      const found = at(value, path);
      const missing = found === undefined && issue.code === "invalid_type";
      return problem(path.join("."), found, missing ? `is missing; it ${reason}` : reason, fix);
    });
  });
}
