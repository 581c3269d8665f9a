import { z } from "zod";
import type { Problem } from "../../runtime/contract/index.js";
import { because, problemsOf, strict, text } from "../../runtime/contract/zod.js";

/**
 * The shape of an object schema for an args interface: a schema for every key and for no other, so that
 * a setting that is added to the interface and forgotten in its schema does not compile.
 */
export type Shape<Args> = { [K in keyof Args]-?: z.ZodType };

/** True or false. */
export const flag = () => z.boolean(because("must be true or false", "Write true or false, without quotes"));

/** A map from names to values. The names are checked by the rules of what they name. */
export function mapOf<T extends z.ZodType>(values: T, of: string): z.ZodRecord<z.ZodString, T> {
  return z.record(z.string(), values, because(`must be a map from names to ${of}`, `Give { name: { … } }`));
}

/** Text that must not be empty. */
export const words = (what: string) => text(/\S/, `${what}, not empty`, `Give ${what}`);

/** One of a few numbers. */
export function oneNumberOf(values: number[], unit: string): z.ZodLiteral<number> {
  return z.literal(values, because(`must be one of ${values.join(", ")} ${unit}`, "Choose one of them"));
}

/** Azure tags: at most 50, names up to 512 and values up to 256 characters. */
export const tagsSchema = z.record(
  z.string(),
  z
    .string(because("must be text", "Put it in quotes"))
    .max(256, because("must be at most 256 characters (Azure's limit)", "Shorten it")),
  because("must be a map of tags", "Give { name: value }"),
);

/** What a schema finds, and what of the value is right by itself. */
export interface Examined<T> {
  problems: Problem[];
  /** The value without its faulty parts; absent where one of them cannot be left out. */
  sound?: T;
}

/**
 * Checks a value, and leaves out what is wrong with it, so that the rules that join several settings can be
 * checked in the same run: all problems at once. `parts` are paths of what may be left out whole where a setting in it
 * cannot be left out by itself; `"*"` stands for any key.
 */
export function examine<T>(schema: z.ZodType<T>, value: unknown, parts: string[][] = []): Examined<T> {
  const first = schema.safeParse(value);
  if (first.success) return { problems: [], sound: first.data };
  const rest = stated(value);
  for (const issue of first.error.issues) {
    const keys = issue.code === "unrecognized_keys" ? issue.keys : [undefined];
    for (const key of keys) remove(rest, key === undefined ? issue.path : [...issue.path, key]);
  }
  const problems = problemsOf(schema, value);
  for (const { path } of schema.safeParse(rest).error?.issues ?? []) {
    const part = parts.find((each) => each.every((key, i) => key === "*" || key === path[i]));
    if (part !== undefined) remove(rest, path.slice(0, part.length));
  }
  const second = schema.safeParse(rest);
  return second.success ? { problems, sound: second.data } : { problems };
}

/**
 * What args state: a copy of their plain objects and lists without the keys whose value is undefined, as programs write
 * `{ capacity: production ? 4 : undefined }` for a setting that is left out. What else there is (an output, a promise)
 * stays the same.
 */
export function stated<T>(args: T): T {
  return copy(args) as T;
}

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (value === null || typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(entries.map(([key, entry]) => [key, copy(entry)]));
}

function remove(from: unknown, path: PropertyKey[]): void {
  const last = path.at(-1);
  let at = from;
  for (const key of path.slice(0, -1)) at = at !== null && typeof at === "object" ? Reflect.get(at, key) : undefined;
  if (last !== undefined && at !== null && typeof at === "object") Reflect.deleteProperty(at, last);
}

export { strict, z };
